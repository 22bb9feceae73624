import { type KnownState, STATES } from "./states.gen.ts";

/** How a state looks: never by color alone. */
export interface StateLook {
  mark: string;
  word: string;
  /** The custom property with its color, so that light and dark themes need no code. */
  property: string;
  /** The same for use in a style. */
  color: string;
}

const LOOKS = new Map<string, StateLook>(
  Object.entries(STATES).map(([state, { mark, word, color }]) => [
    state,
    lookWith(mark, word, color),
  ]),
);

/** The look of a state; one that this page does not know is shown by its word. */
export function lookOf(state: KnownState | (string & {})): StateLook {
  return LOOKS.get(state) ?? lookWith(STATES.general.mark, state, STATES.general.color);
}

function lookWith(mark: string, word: string, name: string): StateLook {
  return { mark, word, property: `--gw-${name}`, color: `var(--gw-${name})` };
}
