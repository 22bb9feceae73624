import { expect, test } from "vitest";
import type { Comm } from "../../src/protocol/comm.ts";
import type {
  ControlState,
  FindingInfo,
  FromPage,
  Request,
} from "../../src/protocol/messages.gen.ts";
import { LoopControl, UNCONTROLLED } from "../../src/state/loop-control.ts";

const running: ControlState = {
  ...UNCONTROLLED,
  responses: [
    { severity: "critical", response: null },
    { severity: "warning", response: null },
  ],
};

function connected(immediate = true): {
  loop: LoopControl;
  sent: Request[];
  answer: (ok: boolean, text: string) => void;
} {
  const sent: Request[] = [];
  const comm: Comm = {
    send: (message: FromPage) => sent.push(message as Request),
    immediate: Promise.resolve(immediate),
  };
  const loop = new LoopControl(comm);
  loop.receive(running);
  const answer = (ok: boolean, text: string): void => {
    loop.receive({ kind: "answer", request: sent.at(-1)?.request ?? "", ok, text });
  };
  return { loop, sent, answer };
}

test("the toggle holds a running loop and lets a held or stepping one go", () => {
  const { loop, sent } = connected();
  loop.toggle();
  loop.receive({ ...running, mode: "paused", step: 4 });
  loop.toggle();
  loop.receive({ ...running, mode: "stepping", left: 2 });
  loop.toggle();
  expect(sent.map(({ kind }) => kind)).toEqual(["pause", "resume", "resume"]);
  expect(new Set(sent.map(({ request }) => request)).size).toBe(3);
});

test("without a subshell it is known that control waits", async () => {
  const { loop } = connected(false);
  await Promise.resolve();
  expect(loop.isDelayed).toBe(true);
});

test("a refused remedy keeps the reason, one that is done needs none", () => {
  const { loop, answer } = connected();
  const finding = { symptom: "exploding_gradients", reported_step: 7 } as FindingInfo;
  loop.apply(finding, "gradient clipped");
  expect(loop.notes.get("gradient clipped")).toContain("between two steps");
  answer(false, "no optimizer has stepped this model yet");
  expect(loop.notes.get("gradient clipped")).toBe(
    "Not done: no optimizer has stepped this model yet",
  );
  loop.apply(finding, "gradient clipped");
  answer(true, "done");
  expect(loop.notes.get("gradient clipped")).toBe("");
});

test("a change in force is the latest of its kind that was not undone", () => {
  const { loop } = connected();
  const change = { number: 1, step: 3, text: "learning rate × 0.1", undone_step: 5 };
  loop.receive({ ...running, changes: [change] });
  expect(loop.inForce(change.text)).toBeUndefined();
  loop.receive({ ...running, changes: [change, { ...change, number: 2, undone_step: null }] });
  expect(loop.inForce(change.text)?.number).toBe(2);
});

test("a switch shows what was chosen at once, and goes back when it is refused", () => {
  const { loop, answer } = connected();
  loop.pauseOn("warning", true);
  expect(loop.state.responses[1]?.response).toBe("pause");
  answer(false, "no");
  expect(loop.state.responses[1]?.response).toBeNull();
  expect(loop.refusal).toBe("no");
});

test("answers to another page are passed over", () => {
  const { loop } = connected();
  loop.step(2);
  loop.receive({ kind: "answer", request: "of another page", ok: false, text: "no" });
  expect(loop.refusal).toBe("");
});

test("a tick stays while word from before it comes in, until Python has answered", () => {
  const { loop, answer } = connected();
  const ticks = (): (string | null)[] => loop.state.responses.map(({ response }) => response);
  loop.pauseOn("warning", true);
  loop.receive(running);
  expect(ticks()).toEqual([null, "pause"]);
  answer(true, "");
  loop.receive(running);
  expect(ticks()).toEqual([null, null]);
});
