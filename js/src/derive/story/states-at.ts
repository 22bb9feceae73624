import type { FindingInfo } from "../../protocol/messages.gen.ts";
import type { KnownState } from "../../protocol/states.gen.ts";
import type { Store } from "../../state/store.ts";

/** From the most to the least alarming. */
const ORDER: readonly string[] = [
  "non-finite",
  "exploding",
  "weights grow",
  "no optimizer",
  "no gradient",
  "zero gradient",
  "dead",
  "zero weights",
  "vanishing",
  "weights shrink",
  "frozen",
  "underflow",
  "saturated",
  "updates lost",
  "ok",
  "not measured",
  "not trainable",
] satisfies KnownState[];

/** The state that a group takes from its layers: the most alarming one. */
export function worstOf(states: string[]): string {
  const rank = (state: string): number => (ORDER.includes(state) ? ORDER.indexOf(state) : 0);
  return states.reduce(
    (worst, state) => (rank(state) < rank(worst) ? state : worst),
    "not trainable",
  );
}

/** Whether a state is one that a reader should see even inside a group. */
export function isAlarming(state: string): boolean {
  return !["ok", "not measured", "not trainable"].includes(state);
}

/** The state of each layer at a step according to the findings known today; null for now. */
export function statesAt(store: Store, cursor: number | null): string[] {
  if (cursor === null) return store.states;
  const leads = leadingAt(store, cursor);
  return store.layers.map(({ name }, i) => {
    if (store.states[i] === "not trainable") return "not trainable";
    return leads.get(name)?.state ?? "ok";
  });
}

/** Of each layer that is named at a step: the finding that gives its row a state. */
export function leadingAt({ findings }: Store, cursor: number | null): Map<string, FindingInfo> {
  const leads = new Map<string, FindingInfo>();
  for (const finding of findings) {
    const { state, layers, first_step, last_step, active } = finding;
    const isOver = !active && (cursor === null || cursor > last_step);
    if (state === "general" || isOver || (cursor !== null && cursor < first_step)) continue;
    for (const name of layers) if (!leads.has(name)) leads.set(name, finding);
  }
  return leads;
}
