import { expect, test } from "vitest";
import type { ControlState } from "../../src/protocol/messages.gen.ts";
import { UNCONTROLLED } from "../../src/state/loop-control.ts";
import { controlled, findingOf } from "../fakes.ts";

const RUNNING: ControlState = {
  ...UNCONTROLLED,
  responses: [
    { severity: "critical", response: null },
    { severity: "warning", response: null },
  ],
};

function running() {
  const controls = controlled();
  controls.loop.receive(RUNNING);
  return controls;
}

test("the toggle pauses a running loop and resumes a paused or stepping one", () => {
  const { loop, sent } = running();
  loop.toggle();
  loop.receive({ ...RUNNING, mode: "paused", step: 4 });
  loop.toggle();
  loop.receive({ ...RUNNING, mode: "stepping", left: 2 });
  loop.toggle();
  expect(sent.map(({ kind }) => kind)).toEqual(["pause", "resume", "resume"]);
  expect(new Set(sent.map(({ request }) => request)).size).toBe(3);
});

test("without a subshell it is known that control is delayed", async () => {
  const { loop } = controlled(false);
  await Promise.resolve();
  expect(loop.isDelayed).toBe(true);
});

test("a refused remedy keeps the reason, one that is done needs none", () => {
  const { loop, answer } = running();
  const finding = findingOf({ symptom: "exploding_gradients", reported_step: 7 });
  loop.apply(finding, "gradient clipped");
  expect(loop.notes.get("gradient clipped")).toContain("after the next step");
  answer(false, "no optimizer has stepped this model yet");
  expect(loop.notes.get("gradient clipped")).toBe(
    "Not done: no optimizer has stepped this model yet",
  );
  loop.apply(finding, "gradient clipped");
  answer(true, "done");
  expect(loop.notes.get("gradient clipped")).toBe("");
});

test("a change in force is the latest of its kind that was not undone", () => {
  const { loop } = running();
  const change = { number: 1, step: 3, text: "learning rate × 0.1", undone_step: 5 };
  loop.receive({ ...RUNNING, changes: [change] });
  expect(loop.inForce(change.text)).toBeUndefined();
  loop.receive({ ...RUNNING, changes: [change, { ...change, number: 2, undone_step: null }] });
  expect(loop.inForce(change.text)?.number).toBe(2);
});

test("a switch shows what was chosen at once, and goes back when it is refused", () => {
  const { loop, answer } = running();
  loop.pauseOn("warning", true);
  expect(loop.state.responses[1]?.response).toBe("pause");
  answer(false, "no");
  expect(loop.state.responses[1]?.response).toBeNull();
  expect(loop.refusal).toBe("no");
});

test("answers to another page are ignored", () => {
  const { loop } = running();
  loop.step(2);
  loop.receive({ kind: "answer", request: "of another page", ok: false, text: "no" });
  expect(loop.refusal).toBe("");
});

test("a choice stays while older states come in, until Python has answered", () => {
  const { loop, answer } = running();
  const chosen = (): (string | null)[] => loop.state.responses.map(({ response }) => response);
  loop.pauseOn("warning", true);
  loop.receive(RUNNING);
  expect(chosen()).toEqual([null, "pause"]);
  answer(true, "");
  loop.receive(RUNNING);
  expect(chosen()).toEqual([null, null]);
});

test("once the kernel has ended, nothing can be controlled, and that is said", () => {
  const { loop } = running();
  loop.end("Nothing more comes.");
  expect(loop.state.mode).toBe("closed");
  expect(loop.refusal).toBe("Nothing more comes.");
});
