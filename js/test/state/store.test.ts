import { expect, test, vi } from "vitest";
import { valuesAt } from "../../src/derive/values-at.ts";
import type { Block, Delta, Snapshot, Status } from "../../src/protocol/messages.gen.ts";
import { NO_PROCESSES, Store } from "../../src/state/store.ts";

const status: Status = {
  verdict: "Healthy",
  state: "ok",
  step: 1,
  trend: null,
  overhead: null,
  sampling: null,
  closed: false,
};

interface Numbers {
  part: Block["part"];
  name: string;
  shape: number[];
  values: number[];
}

function packed(arrays: Numbers[]): { blocks: Block[]; data: DataView } {
  const blocks = arrays.map(({ part, name, shape }) => ({
    part,
    name,
    shape,
    dtype: "float64" as const,
  }));
  const values = Float64Array.from(arrays.flatMap((array) => array.values));
  return { blocks, data: new DataView(values.buffer) };
}

function columnsAt(steps: number[], values: number[][]): Numbers[] {
  const layers = values[0]?.length ?? 0;
  return [
    { part: "steps", name: "", shape: [steps.length], values: steps },
    {
      part: "scalar",
      name: "loss",
      shape: [steps.length],
      values: steps.map((step) => 2 - step / 10),
    },
    { part: "sampled", name: "", shape: [steps.length], values: steps },
    { part: "value", name: "grad_rms", shape: [steps.length, layers], values: values.flat() },
  ];
}

function layer(name: string) {
  return {
    name,
    kind: "Linear",
    summary: "Linear 2×2",
    parameters: 6,
    shapes: ["weight 2×2"],
    activation: null,
  };
}

function snapshot(blocks: Block[]): Snapshot {
  const metrics = [{ name: "grad_rms", title: "gradient RMS", scale: "log" as const, bounds: [] }];
  const layers = [layer("a"), layer("b")];
  return {
    kind: "snapshot",
    model: "Net",
    metrics,
    layers,
    status,
    states: ["ok", "ok"],
    reasons: [],
    findings: [],
    problems: [],
    processes: NO_PROCESSES,
    blocks,
  };
}

function delta(blocks: Block[], changes: Partial<Delta> = {}): Delta {
  return {
    kind: "delta",
    status,
    states: null,
    reasons: null,
    findings: null,
    problems: null,
    processes: null,
    blocks,
    ...changes,
  };
}

function started(): Store {
  const store = new Store("Net");
  const { blocks, data } = packed(
    columnsAt(
      [0, 1],
      [
        [1, 2],
        [3, 4],
      ],
    ),
  );
  store.apply(snapshot(blocks), data);
  return store;
}

test("a snapshot brings layers and columns", () => {
  const store = started();
  expect(store.layers.map(({ name }) => name)).toEqual(["a", "b"]);
  expect([...valuesAt(store.samples, "grad_rms", 1).values]).toEqual([3, 4]);
});

test("a delta adds its columns and keeps what it does not mention", () => {
  const store = started();
  const { blocks, data } = packed(columnsAt([2], [[5, 6]]));
  store.apply(delta(blocks, { states: ["ok", "vanishing"] }), data);
  store.apply(delta([]), new DataView(new ArrayBuffer(0)));
  expect(store.samples.count).toBe(3);
  expect(store.states).toEqual(["ok", "vanishing"]);
  expect(store.scalars.history("loss")?.value[2]).toBeCloseTo(1.8);
});

test("a reason stays until the next message that has reasons", () => {
  const store = started();
  const nothing = new DataView(new ArrayBuffer(0));
  store.apply(delta([], { reasons: [{ layer: "b", text: "It runs in compiled code." }] }), nothing);
  store.apply(delta([]), nothing);
  expect([...store.reasons]).toEqual([["b", "It runs in compiled code."]]);
  store.apply(delta([], { reasons: [] }), nothing);
  expect(store.reasons.size).toBe(0);
});

test("a delta before the first snapshot is ignored", () => {
  const store = new Store("Net");
  const { blocks, data } = packed(columnsAt([5], [[1, 2]]));
  store.apply(delta(blocks), data);
  expect(store.samples.count).toBe(0);
});

test("a second snapshot replaces everything", () => {
  const store = started();
  const { blocks, data } = packed(columnsAt([7], [[8, 9]]));
  store.apply(snapshot(blocks), data);
  expect(store.samples.count).toBe(1);
  expect(store.generation).toBe(2);
});

test("a layer that the newest sample lacks shows its last value", () => {
  const store = started();
  const { blocks, data } = packed(columnsAt([2], [[Number.NaN, 6]]));
  store.apply(delta(blocks), data);
  const { values, steps } = valuesAt(store.samples, "grad_rms", 2);
  expect([...values]).toEqual([3, 6]);
  expect([...steps]).toEqual([1, 2]);
});

test("listeners are told of each message until they unsubscribe", () => {
  const store = started();
  const listener = vi.fn();
  const unsubscribe = store.subscribe(listener);
  store.apply(delta([]), new DataView(new ArrayBuffer(0)));
  unsubscribe();
  store.apply(delta([]), new DataView(new ArrayBuffer(0)));
  expect(listener).toHaveBeenCalledTimes(1);
});
