import { expect, test } from "vitest";
import { outcomeOf, whatCameOf } from "../../../src/derive/story/outcome.ts";
import type { ChangeInfo, LayerInfo, MetricInfo } from "../../../src/protocol/messages.gen.ts";
import { Store } from "../../../src/state/store.ts";
import { columnsOf, findingOf, scalarsOf } from "../../fakes.ts";

const CHANGE: ChangeInfo = { number: 1, step: 1, text: "ReLU", undone_step: null };

/** A run of two layers: what reaches them in each step, and the loss. */
function run(gradients: number[][], losses: number[]): Store {
  const store = new Store("Net");
  store.layers = ["0", "2"].map((name) => ({ name, kind: "Linear" }) as LayerInfo);
  store.metrics = ["act_grad_rms", "weight_norm"].map(
    (name) => ({ name, title: name.replaceAll("_", " ") }) as MetricInfo,
  );
  store.samples = columnsOf({ act_grad_rms: gradients, weight_norm: gradients });
  store.scalars = scalarsOf({ loss: losses });
  store.status = { ...store.status, step: gradients.length - 1 };
  return store;
}

/** The same, some time later. */
function later(store: Store): Store {
  store.status = { ...store.status, step: 41 };
  return store;
}

const VANISHING = findingOf({ active: true, layers: ["0"] });

test("what vanishes over depth is told as the first layer over the last, before and now", () => {
  const store = run(
    [
      [1e-8, 1],
      [1e-8, 1],
      [1e-6, 1],
      [1e-4, 2],
    ],
    [2.3, 2.3, 2, 1.5],
  );
  expect(outcomeOf(VANISHING, CHANGE, store)).toBe(
    "Linear 0 over Linear 2: 1.0×10⁻⁸ → 5.0×10⁻⁵, loss 2.30 → 1.50 in 2 steps: too early to say.",
  );
  expect(outcomeOf({ ...VANISHING, active: false }, CHANGE, store)).toMatch(/in 2 steps: over\.$/);
  expect(outcomeOf(VANISHING, CHANGE, later(store))).toMatch(/in 40 steps: better, not over\.$/);
  const exploding = { ...VANISHING, symptom: "exploding_gradients" };
  expect(outcomeOf(exploding, CHANGE, store)).toMatch(/: worse\.$/);
});

test("what stays as it was is no better so far", () => {
  const store = run(
    [
      [1e-8, 1],
      [1e-8, 1],
      [1.2e-8, 1],
    ],
    [2, 2, 2],
  );
  expect(outcomeOf(VANISHING, CHANGE, store)).toMatch(/in 1 step: too early to say\.$/);
  expect(outcomeOf(VANISHING, CHANGE, later(store))).toMatch(/: no better so far\.$/);
});

test("another finding is told by its own metric at its worst layer, or by the loss alone", () => {
  const store = run(
    [
      [4, 1],
      [4, 1],
      [3, 1],
    ],
    [2, 2, 1],
  );
  const growing = findingOf({
    symptom: "weights_growing",
    active: true,
    layers: ["0"],
    metrics: ["weight_norm"],
  });
  expect(outcomeOf(growing, CHANGE, store)).toBe(
    "weight norm of Linear 0: 4.00 → 3.00, loss 2.00 → 1.00 in 1 step: too early to say.",
  );
  const plateau = findingOf({ symptom: "plateau", active: true, layers: [], metrics: [] });
  expect(outcomeOf(plateau, CHANGE, store)).toBe("loss 2.00 → 1.00 in 1 step: too early to say.");
  expect(outcomeOf(plateau, CHANGE, later(store))).toMatch(/: not over yet\.$/);
});

test("nothing is said before a step was measured since", () => {
  const store = run(
    [
      [1e-8, 1],
      [1e-8, 1],
    ],
    [2, 2],
  );
  expect(outcomeOf(VANISHING, CHANGE, store)).toBe("");
});

test("a change in force is told by the finding that offers it, be that over", () => {
  const store = run(
    [
      [1, 1],
      [1, 1],
      [1, 1],
    ],
    [2, 2, 1],
  );
  expect(whatCameOf(CHANGE, store)).toBe("");
  const remedies = [{ title: "", why: "", code: "", change: "ReLU" }];
  store.findings = [findingOf({ remedies, active: false, layers: [], metrics: [] })];
  expect(whatCameOf(CHANGE, store)).toBe("loss 2.00 → 1.00 in 1 step: over.");
});
