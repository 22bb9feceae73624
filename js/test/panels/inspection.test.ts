// @vitest-environment jsdom
import { expect, test } from "vitest";
import { Inspection } from "../../src/panels/inspection.ts";
import type { Comm } from "../../src/protocol/comm.ts";
import type {
  FromPage,
  HistogramInfo,
  InspectLayer,
  LayerInspection,
} from "../../src/protocol/messages.gen.ts";
import { Inspector } from "../../src/state/inspector.ts";
import { LoopControl, UNCONTROLLED } from "../../src/state/loop-control.ts";

const histogram: HistogramInfo = {
  step: 12,
  axis: "log",
  edges: [-1, 0, 1],
  counts: [3, 4],
  counted: 7,
  total: 9,
  zeros: 0,
  nans: 2,
  infinities: 0,
  low: -0.5,
  high: 0.9,
  note: "<b>after</b> tanh",
};

const seen: LayerInspection = {
  kind: "inspection",
  layer: "body",
  gradient: histogram,
  weight: { ...histogram, nans: 0 },
  activation: "It was not seen to run in this step.",
  worst: [{ parameter: "weight", index: [0, 1], value: "NaN" }],
  calls: 3,
  profiles: [{ title: "dL/dh", norms: [1e-3, 1e-2] }],
  profile_step: 11,
};

function connected(immediate = true) {
  const sent: InspectLayer[] = [];
  const comm: Comm = {
    send: (message: FromPage) => sent.push(message as InspectLayer),
    immediate: Promise.resolve(immediate),
  };
  const loop = new LoopControl(comm);
  const clock = { now: 0 };
  const inspector = new Inspector(loop, () => clock.now);
  const answer = (ok: boolean, text: string): void =>
    loop.receive({ kind: "answer", request: sent.at(-1)?.request ?? "", ok, text });
  return { loop, inspector, sent, answer, clock };
}

test("a layer that stays open is asked for again after a while, and never twice at a time", () => {
  const { inspector, sent, answer, clock } = connected();
  inspector.inspect("body");
  clock.now = 9000;
  inspector.inspect("body");
  expect(sent.map(({ kind, layer }) => [kind, layer])).toEqual([["inspect", "body"]]);
  answer(true, "Looked at in the next step.");
  inspector.inspect("body");
  expect(sent.length).toBe(2);
  answer(true, "Looked at in the next step.");
  clock.now += 100;
  inspector.inspect("body");
  expect(sent.length).toBe(2);
});

test("while the loop is held a layer is asked for once after each step", () => {
  const { loop, inspector, sent, answer, clock } = connected();
  for (const step of [5, 5, 6]) {
    loop.receive({ ...UNCONTROLLED, mode: "paused", step });
    clock.now += 60_000;
    inspector.inspect("body");
    answer(true, "Looked at now.");
  }
  expect(sent.length).toBe(2);
});

test("what is closed is asked for nothing", () => {
  const { loop, inspector, sent } = connected();
  loop.receive({ ...UNCONTROLLED, mode: "closed" });
  inspector.inspect("body");
  expect(sent).toEqual([]);
});

test("who listens is told of what was seen until he leaves", () => {
  const { inspector } = connected();
  let told = 0;
  const leave = inspector.subscribe(() => told++);
  inspector.receive(seen);
  leave();
  inspector.receive(seen);
  expect(told).toBe(1);
});

test("until something is seen the panel says what it waits for", async () => {
  const view = new Inspection();
  expect(view.update("body", null)).toBeNull();
  expect(view.node.textContent).toContain("Needs a running kernel.");
  const { loop, inspector, answer } = connected();
  view.update("body", inspector);
  expect(view.node.textContent).toContain("Waiting for the kernel.");
  answer(true, "Looked at in the next step.");
  view.update("body", inspector);
  expect(view.node.textContent).toContain("Comes with the next step.");
  view.update("head", inspector);
  answer(false, "no layer 'head' is watched");
  view.update("head", inspector);
  expect(view.node.textContent).toContain("no layer 'head' is watched");
  loop.receive({ ...UNCONTROLLED, mode: "closed" });
  view.update("body", inspector);
  expect(view.node.textContent).toContain("Nothing is watched any more.");
  const slow = connected(false);
  await Promise.resolve();
  view.update("body", slow.inspector);
  expect(view.node.textContent).toContain("comes when the running cell ends");
});

test("what was seen is shown with its step, in words for those who do not see it, and as text alone", () => {
  const { inspector } = connected();
  inspector.receive(seen);
  const view = new Inspection();
  expect(view.update("body", inspector)).toBe(3);
  const images = [...view.node.querySelectorAll("svg:not([hidden])")].map((image) =>
    image.getAttribute("aria-label"),
  );
  expect(images).toEqual([
    "gradient, step 12: 9 entries from −0.500 to 0.900, no zeros, 2 NaN",
    "weight, step 12: 9 entries from −0.500 to 0.900, no zeros, none NaN or infinite",
    "dL/dh, step 11: 0.001 at the first, 0.0100 at the last of 2 time steps",
  ]);
  const text = view.node.textContent ?? "";
  for (const words of [
    "7 of 9 entries",
    "log axis",
    "✕ 2 NaN",
    "weight[0, 1] = NaN",
    "It was not seen to run",
  ]) {
    expect(text).toContain(words);
  }
  expect(view.node.querySelector("figure b:not(figcaption > b)")).toBeNull();
  expect(text).toContain("<b>after</b> tanh");
  view.update("head", inspector);
  expect(view.node.textContent).not.toContain("✕");
  expect(view.node.querySelectorAll("svg:not([hidden])").length).toBe(0);
});
