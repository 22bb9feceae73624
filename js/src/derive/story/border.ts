import type { FindingInfo } from "../../protocol/messages.gen.ts";
import type { Store } from "../../state/store.ts";
import { formatValue } from "../../util/format.ts";
import { valuesAt } from "../values-at.ts";
import { metricOf } from "./lead.ts";

/** Where the flow of the gradient breaks, on its way back from the output. */
export interface Border {
  /** The last layer, from the input, that the finding names; the next one it does not. */
  above: number;
  state: string;
  /** What happens there; empty where nothing does but that the limit is passed. */
  words: string;
}

/** Findings about how the gradient flows over depth, and what happens at their border. */
const FLOW: Record<string, "falls" | "rises" | "ends"> = {
  vanishing_gradients: "falls",
  exploding_gradients: "rises",
  no_gradient: "ends",
  zero_gradient: "ends",
};
/** A factor between two layers that is less than this is no break, */
const BREAK = 10;
/** nor one that is less than the usual factor of this network to this power: an even decay has none. */
const STANDS_OUT = 3;

/**
 * The border of a finding: of the places where layers that it names are followed by one that it does
 * not, that where the gradient changes most at the step shown. Null where there is none.
 */
export function borderOf(finding: FindingInfo, store: Store, cursor: number | null): Border | null {
  const { symptom, state } = finding;
  const flow = FLOW[symptom];
  if (flow === undefined) return null;
  const named = new Set(finding.layers);
  const isNamed = store.layers.map(({ name }) => named.has(name));
  const edges = isNamed.flatMap((is, i) => (is && isNamed[i + 1] === false ? [i] : []));
  const [first, ...others] = edges;
  if (first === undefined) return null;
  const metric = metricOf(finding, store);
  const { samples } = store;
  const { values } = valuesAt(samples, metric ?? "", samples.at(cursor));
  const factorAt = (layer: number): number => {
    const [before, after] = [values[layer] as number, values[layer + 1] as number];
    const factor = flow === "rises" ? before / after : after / before;
    return Number.isFinite(factor) ? factor : 0;
  };
  const above = others.reduce((best, at) => (factorAt(at) >= factorAt(best) ? at : best), first);
  return { above, state, words: wordsOf(flow, factorAt(above), usualFactor(values, above)) };
}

function wordsOf(flow: "falls" | "rises" | "ends", factor: number, usual: number): string {
  if (flow === "ends") return "the gradient ends here";
  const isBreak = factor >= Math.max(BREAK, usual ** STANDS_OUT);
  return isBreak ? `the flow breaks here: ${formatValue(factor)}×` : "";
}

/** By which factor two layers that follow each other elsewhere differ, up or down, in the median. */
function usualFactor(values: ArrayLike<number>, border: number): number {
  const steps = Array.from(values, (value, i) =>
    Math.abs(Math.log(value / (values[i - 1] ?? NaN))),
  );
  const others = steps.filter((step, i) => i !== border + 1 && Number.isFinite(step));
  others.sort((a, b) => a - b);
  return Math.exp(others[others.length >> 1] ?? 0);
}
