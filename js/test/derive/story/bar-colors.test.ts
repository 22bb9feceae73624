import { expect, test } from "vitest";
import { colorStatesAt } from "../../../src/derive/story/bar-colors.ts";
import { findingOf, storeOf } from "../../fakes.ts";

test("a bar has the color of its row's state only where the metric is what the finding is about", () => {
  const growing = findingOf({ state: "weights grow", metrics: ["weight_norm"], active: true });
  const store = storeOf([growing], ["weights grow", "not trainable"]);
  expect(colorStatesAt(store, null, "weight_norm", [1, 1])).toEqual([
    "weights grow",
    "not trainable",
  ]);
  expect(colorStatesAt(store, null, "grad_rms", [1, 1])).toEqual(["ok", "not trainable"]);
});

test("of two findings of a layer the leading one alone colors its bar", () => {
  const dead = findingOf({ state: "dead", metrics: ["act_dead_fraction"], active: true });
  const store = storeOf([dead, findingOf({ active: true })], ["dead", "ok"]);
  expect(colorStatesAt(store, null, "grad_rms", [1, 1])).toEqual(["ok", "ok"]);
  expect(colorStatesAt(store, null, "act_dead_fraction", [1, 1])).toEqual(["dead", "ok"]);
});

test("what is shown of before has the color of its cause, whatever the row says by now", () => {
  const vanishing = findingOf({ state: "vanishing", metrics: ["act_grad_rms"], active: true });
  const store = storeOf([vanishing], ["non-finite", "ok"]);
  expect(colorStatesAt(store, null, "act_grad_rms", [1e-9, 1])).toEqual(["vanishing", "ok"]);
});

test("a value that is not finite is shown as such, and only where it is", () => {
  const store = storeOf([], ["non-finite", "non-finite"]);
  expect(colorStatesAt(store, null, "grad_rms", [Number.POSITIVE_INFINITY, 1])).toEqual([
    "non-finite",
    "ok",
  ]);
});
