import type { Store } from "../../state/store.ts";
import { leadingAt, statesAt } from "./states-at.ts";

/** States that claim nothing of a value: their bars are gray whatever is shown. */
const GRAY = ["no gradient", "not measured", "not trainable"];

/**
 * The state whose color the bar of each layer has. That of a finding counts only where the metric
 * shown is what the finding is about: a row may say that weights grow, beside a healthy gradient.
 */
export function colorStatesAt(
  store: Store,
  cursor: number | null,
  metric: string,
  values: ArrayLike<number>,
): string[] {
  const leads = leadingAt(store, cursor);
  return statesAt(store, cursor).map((state, i) => {
    if (GRAY.includes(state)) return state;
    if (values[i] === Number.POSITIVE_INFINITY) return "non-finite";
    const lead = leads.get(store.layers[i]?.name ?? "");
    return lead?.metrics.includes(metric) ? lead.state : "ok";
  });
}
