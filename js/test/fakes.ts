// Columns, findings, a store, a loop and an inspection made by hand, for several tests.
import type {
  FindingInfo,
  HistogramInfo,
  LayerInspection,
  Request,
} from "../src/protocol/messages.gen.ts";
import { Columns } from "../src/state/columns.ts";
import { Inspector } from "../src/state/inspector.ts";
import { LoopControl } from "../src/state/loop-control.ts";
import { Store } from "../src/state/store.ts";

/** Columns of some statistics, each given as one row of layers per step. */
export function columnsOf(histories: Record<string, number[][]>, steps?: number[]): Columns {
  const [first = []] = Object.values(histories);
  const columns = new Columns(first[0]?.length ?? 0, 64);
  first.forEach((_, i) => {
    const entries = Object.entries(histories).map(([name, rows]) => {
      return [name, { value: rows[i] ?? [] }] as const;
    });
    columns.append({ step: steps?.[i] ?? i, values: new Map(entries) });
  });
  return columns;
}

/** Columns of scalars, each given as one number per step. */
export function scalarsOf(histories: Record<string, number[]>): Columns {
  const rows = Object.entries(histories).map(([name, values]) => {
    return [name, values.map((value) => [value])] as const;
  });
  return columnsOf(Object.fromEntries(rows));
}

/** A finding that is over, but for what `changes` says. */
export function findingOf(changes: Partial<FindingInfo> = {}): FindingInfo {
  return {
    symptom: "vanishing_gradients",
    title: "Vanishing gradients",
    severity: "critical",
    state: "vanishing",
    message: "",
    layers: ["a"],
    first_step: 10,
    reported_step: 12,
    last_step: 20,
    active: false,
    caveat: "",
    origin: null,
    evidence: [],
    remedies: [],
    metrics: ["act_grad_rms", "grad_rms"],
    because: null,
    consequences: [],
    ...changes,
  };
}

/** A store of two layers, with these findings and these states. */
export function storeOf(findings: FindingInfo[], states = ["ok", "ok"]): Store {
  const store = new Store("Net");
  const rest = { kind: "Linear", summary: "", parameters: 1, shapes: [], activation: null };
  store.layers = ["a", "b"].map((name) => ({ name, ...rest }));
  store.states = states;
  store.findings = findings;
  return store;
}

/** A loop under control of the page, what it has sent, and a way to answer the newest request. */
export function controlled(immediate = true): {
  loop: LoopControl;
  sent: Request[];
  answer: (ok: boolean, text: string) => void;
} {
  const sent: Request[] = [];
  const loop = new LoopControl({
    send: (message) => sent.push(message as Request),
    immediate: Promise.resolve(immediate),
  });
  const answer = (ok: boolean, text: string): void => {
    loop.receive({ kind: "answer", request: sent.at(-1)?.request ?? "", ok, text });
  };
  return { loop, sent, answer };
}

/** An inspector of a controlled loop, with a clock that stands still. */
export function inspecting(immediate = true) {
  const controls = controlled(immediate);
  const clock = { now: 0 };
  return { ...controls, clock, inspector: new Inspector(controls.loop, () => clock.now) };
}

const HISTOGRAM: HistogramInfo = {
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

/** An inspection of the layer "body". */
export const INSPECTION: LayerInspection = {
  kind: "inspection",
  layer: "body",
  gradient: HISTOGRAM,
  weight: { ...HISTOGRAM, nans: 0 },
  activation: "It was not seen to run in this step.",
  worst: [{ parameter: "weight", index: [0, 1], value: "NaN" }],
  calls: 3,
  profiles: [{ title: "dL/dh", norms: [1e-3, 1e-2] }],
  profile_step: 11,
};
