import { expect, test } from "vitest";
import { tableOf } from "../../src/derive/table.ts";
import type { BoundInfo, Snapshot } from "../../src/protocol/messages.gen.ts";
import { NO_PROCESSES, Store } from "../../src/state/store.ts";
import { ViewOptions } from "../../src/state/view-options.ts";
import { findingOf } from "../fakes.ts";

const VANISHING: BoundInfo = {
  value: 0.003,
  of: "last layer",
  state: "vanishing",
  means: "vanishing below",
};
const DEAD: BoundInfo = { value: 0.75, of: "itself", state: "dead", means: "dead above 75%" };

/** A store with one column of gradients, and of how many of their entries are not finite. */
function storeWith(gradients: number[], nonfinite: number[], bound: BoundInfo): Store {
  const layers = gradients.map((_, i) => ({
    name: `hidden${i}`,
    kind: "Linear",
    summary: "Linear 2×2",
    parameters: 4,
    shapes: [],
    activation: null,
  }));
  const message: Snapshot = {
    kind: "snapshot",
    model: "Net",
    metrics: [{ name: "grad_rms", title: "gradient RMS", scale: "log", bounds: [bound] }],
    layers,
    status: {
      verdict: "",
      state: "ok",
      step: 0,
      trend: null,
      overhead: null,
      sampling: null,
      closed: false,
    },
    states: gradients.map(() => "ok"),
    reasons: [],
    findings: [],
    problems: [],
    processes: NO_PROCESSES,
    blocks: [
      { part: "sampled", name: "", dtype: "float64", shape: [1] },
      { part: "value", name: "grad_rms", dtype: "float64", shape: [1, gradients.length] },
      { part: "value", name: "grad_nonfinite", dtype: "float64", shape: [1, gradients.length] },
    ],
  };
  const store = new Store("Net");
  store.apply(message, new DataView(Float64Array.from([0, ...gradients, ...nonfinite]).buffer));
  return store;
}

test("a bound relative to the last layer is that share of its value", () => {
  const { bounds } = tableOf(
    storeWith([1e-5, 1e-2, 0.5, Number.NaN], [0, 0, 0, 0], VANISHING),
    new ViewOptions(),
  );
  expect(bounds.map(({ value }) => value)).toEqual([expect.closeTo(0.0015, 9)]);
});

test("an absolute bound stays, and a relative one is left out where no layer has a value", () => {
  expect(tableOf(storeWith([0.1], [0], DEAD), new ViewOptions()).bounds).toEqual([DEAD]);
  expect(tableOf(storeWith([Number.NaN], [0], VANISHING), new ViewOptions()).bounds).toEqual([]);
});

test("a value missing because of a NaN is not finite, another one is not measured", () => {
  const { rows } = tableOf(
    storeWith([Number.NaN, Number.NaN, 1], [3, 0, 0], DEAD),
    new ViewOptions(),
  );
  expect(rows.map((row) => row.value)).toEqual([Number.POSITIVE_INFINITY, Number.NaN, 1]);
});

test("the bars of layers that the cause does not name stand back while it is shown", () => {
  const store = storeWith([0.1, 0.1, 0.1], [0, 0, 0], DEAD);
  const options = new ViewOptions();
  const dimmed = (): boolean[] => tableOf(store, options).rows.map((row) => row.dimmed);
  expect(dimmed()).toEqual([false, false, false]);
  store.findings = [findingOf({ active: true, layers: ["hidden1"], first_step: 0 })];
  expect(dimmed()).toEqual([true, false, true]);
  store.findings.push(findingOf({ symptom: "dead_relu", layers: ["hidden2"] }));
  options.change({ pointed: "dead_relu 12" });
  expect(dimmed()).toEqual([true, true, false]);
  store.findings.pop();
  expect(dimmed()).toEqual([true, false, true]);
});

test("a layer with a number for a name is titled by its kind, which its size does not repeat", () => {
  const store = storeWith([0.1], [0], DEAD);
  store.layers = store.layers.map((layer) => ({ ...layer, name: "body.0" }));
  expect(tableOf(store, new ViewOptions()).rows[0]).toMatchObject({
    key: "body.0",
    name: "body.Linear 0",
    label: "body.Linear 0",
    summary: "2×2",
  });
});
