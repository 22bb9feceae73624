import { expect, test } from "vitest";
import type { Channel } from "../../src/protocol/comm.ts";
import type {
  ControlState,
  FindingInfo,
  FromPage,
  Request,
} from "../../src/protocol/messages.gen.ts";
import { FREE, Remote } from "../../src/state/loop-control.ts";

const running: ControlState = {
  ...FREE,
  responses: [
    { severity: "critical", response: null },
    { severity: "warning", response: null },
  ],
};

function connected(immediate = true): {
  remote: Remote;
  sent: Request[];
  answer: (ok: boolean, text: string) => void;
} {
  const sent: Request[] = [];
  const channel: Channel = {
    send: (message: FromPage) => sent.push(message as Request),
    immediate: Promise.resolve(immediate),
  };
  const remote = new Remote(channel);
  remote.take(running);
  const answer = (ok: boolean, text: string): void => {
    remote.take({ kind: "answer", request: sent.at(-1)?.request ?? "", ok, text });
  };
  return { remote, sent, answer };
}

test("the toggle holds a running loop and lets a held or stepping one go", () => {
  const { remote, sent } = connected();
  remote.toggle();
  remote.take({ ...running, mode: "paused", step: 4 });
  remote.toggle();
  remote.take({ ...running, mode: "stepping", left: 2 });
  remote.toggle();
  expect(sent.map(({ kind }) => kind)).toEqual(["pause", "resume", "resume"]);
  expect(new Set(sent.map(({ request }) => request)).size).toBe(3);
});

test("without a subshell it is known that control waits", async () => {
  const { remote } = connected(false);
  await Promise.resolve();
  expect(remote.waits).toBe(true);
});

test("a refused remedy keeps the reason, one that is done needs none", () => {
  const { remote, answer } = connected();
  const finding = { symptom: "exploding_gradients", reported_step: 7 } as FindingInfo;
  remote.apply(finding, "gradient clipped");
  expect(remote.notes.get("gradient clipped")).toContain("between two steps");
  answer(false, "no optimizer has stepped this model yet");
  expect(remote.notes.get("gradient clipped")).toBe(
    "Not done: no optimizer has stepped this model yet",
  );
  remote.apply(finding, "gradient clipped");
  answer(true, "done");
  expect(remote.notes.get("gradient clipped")).toBe("");
});

test("a change in force is the latest of its kind that was not undone", () => {
  const { remote } = connected();
  const change = { number: 1, step: 3, text: "learning rate × 0.1", undone_step: 5 };
  remote.take({ ...running, changes: [change] });
  expect(remote.inForce(change.text)).toBeUndefined();
  remote.take({ ...running, changes: [change, { ...change, number: 2, undone_step: null }] });
  expect(remote.inForce(change.text)?.number).toBe(2);
});

test("a switch shows what was chosen at once, and goes back when it is refused", () => {
  const { remote, answer } = connected();
  remote.pauseOn("warning", true);
  expect(remote.state.responses[1]?.response).toBe("pause");
  answer(false, "no");
  expect(remote.state.responses[1]?.response).toBeNull();
  expect(remote.refusal).toBe("no");
});

test("answers to another page are passed over", () => {
  const { remote } = connected();
  remote.step(2);
  remote.take({ kind: "answer", request: "of another page", ok: false, text: "no" });
  expect(remote.refusal).toBe("");
});

test("a tick stays while word from before it comes in, until Python has answered", () => {
  const { remote, answer } = connected();
  const ticks = (): (string | null)[] => remote.state.responses.map(({ response }) => response);
  remote.pauseOn("warning", true);
  remote.take(running);
  expect(ticks()).toEqual([null, "pause"]);
  answer(true, "");
  remote.take(running);
  expect(ticks()).toEqual([null, null]);
});
