import { expect, test } from "vitest";
import { borderOf } from "../../../src/derive/story/border.ts";
import type { FindingInfo } from "../../../src/protocol/messages.gen.ts";
import { Store } from "../../../src/state/store.ts";
import { columnsOf, findingOf } from "../../fakes.ts";

/** A store with one layer for each value of the gradient at a layer's output. */
function storeWith(values: number[]): Store {
  const store = new Store("Net");
  store.layers = values.map((_, i) => {
    const name = `l${i}`;
    return { name, kind: "Linear", summary: "", parameters: 1, shapes: [], activation: null };
  });
  store.metrics = [{ name: "act_grad_rms", title: "", scale: "log", bounds: [] }];
  store.samples = columnsOf({ act_grad_rms: [values] });
  return store;
}

function border(values: number[], changes: Partial<FindingInfo>) {
  return borderOf(findingOf({ active: true, ...changes }), storeWith(values), null);
}

test("it is where the layers named end, with the factor where that is a break", () => {
  expect(border([1e-6, 1e-6, 1e-2, 1e-2], { layers: ["l1", "l0"] })).toEqual({
    above: 1,
    state: "vanishing",
    words: "the flow breaks here: 10,000×",
  });
});

test("where several places would do, the steepest is the one", () => {
  const layers = ["l0", "l2", "l3"];
  expect(border([1e-6, 2e-6, 1e-6, 1e-6, 1], { layers })?.above).toBe(3);
});

test("an even decay has a border and no break", () => {
  expect(border([1e-4, 3e-4, 9e-4, 1], { layers: ["l0", "l1"] })).toMatchObject({
    above: 1,
    words: "",
  });
});

test("where every layer takes as much as the one at the border, nothing breaks there", () => {
  const even = [1e-9, 3e-8, 1e-6, 2e-5, 1e-3, 1e-2];
  expect(border(even, { layers: ["l0", "l1", "l2"] })).toMatchObject({ above: 2, words: "" });
  const cliff = [1e-9, 2e-9, 3e-9, 2e-5, 5e-5, 1e-4];
  expect(border(cliff, { layers: ["l0", "l1", "l2"] })?.words).toContain("6,670×");
});

test("what explodes does so above the border, too", () => {
  const explosion = { symptom: "exploding_gradients", state: "exploding", layers: ["l0"] };
  expect(border([4e3, 1, 1], explosion)).toEqual({
    above: 0,
    state: "exploding",
    words: "the flow breaks here: 4,000×",
  });
});

test("behind a cut there is no gradient to compare with", () => {
  const cut = { symptom: "no_gradient", state: "no gradient", layers: ["l0", "l1"] };
  expect(border([Number.NaN, Number.NaN, 1], cut)).toMatchObject({
    above: 1,
    words: "the gradient ends here",
  });
});

test("a finding of all layers, or not about the flow, has none", () => {
  expect(border([1, 1], { layers: ["l0", "l1"] })).toBe(null);
  expect(border([1, 1], { symptom: "dead_relu", layers: ["l0"] })).toBe(null);
});
