import { expect, test } from "vitest";
import { UNCONTROLLED } from "../../src/state/loop-control.ts";
import { INSPECTION, inspecting } from "../fakes.ts";

test("a layer that stays open is requested again after a while, and never twice at a time", () => {
  const { inspector, sent, answer, clock } = inspecting();
  inspector.inspect("body");
  clock.now = 9000;
  inspector.inspect("body");
  expect(sent).toMatchObject([{ kind: "inspect", layer: "body" }]);
  answer(true, "Done.");
  inspector.inspect("body");
  expect(sent.length).toBe(2);
  answer(true, "Done.");
  clock.now += 100;
  inspector.inspect("body");
  expect(sent.length).toBe(2);
});

test("while the loop is paused a layer is requested once after each step", () => {
  const { loop, inspector, sent, answer, clock } = inspecting();
  for (const step of [5, 5, 6]) {
    loop.receive({ ...UNCONTROLLED, mode: "paused", step });
    clock.now += 60_000;
    inspector.inspect("body");
    answer(true, "Done.");
  }
  expect(sent.length).toBe(2);
});

test("nothing is requested once the monitor is closed", () => {
  const { loop, inspector, sent } = inspecting();
  loop.receive({ ...UNCONTROLLED, mode: "closed" });
  inspector.inspect("body");
  expect(sent).toEqual([]);
});

test("listeners are told of each inspection until they unsubscribe", () => {
  const { inspector } = inspecting();
  let told = 0;
  const leave = inspector.subscribe(() => told++);
  inspector.receive(INSPECTION);
  leave();
  inspector.receive(INSPECTION);
  expect(told).toBe(1);
});

test("the newest inspection of each layer is kept", () => {
  const { inspector } = inspecting();
  inspector.receive(INSPECTION);
  inspector.receive({ ...INSPECTION, calls: 4 });
  expect(inspector.inspect("body")?.calls).toBe(4);
  expect(inspector.inspect("head")).toBeNull();
});
