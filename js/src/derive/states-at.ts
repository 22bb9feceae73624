import type { KnownState } from "../protocol/states.gen.ts";
import type { Store } from "../state/store.ts";

/** From the most to the least alarming. */
const ORDER: readonly string[] = [
  "non-finite",
  "exploding",
  "no gradient",
  "dead",
  "vanishing",
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
  const found = new Map<string, string>();
  for (const { state, layers, first_step, last_step, active } of store.findings) {
    if (state === "general" || cursor < first_step || (!active && cursor > last_step)) continue;
    for (const name of layers) if (!found.has(name)) found.set(name, state);
  }
  return store.layers.map(({ name }, i) => {
    if (store.states[i] === "not trainable") return "not trainable";
    return found.get(name) ?? "ok";
  });
}
