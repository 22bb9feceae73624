/** How a layer state looks: never by colour alone. */
export interface Look {
  mark: string;
  word: string;
  /** A custom property of the style sheet, so that light and dark need no code. */
  colour: string;
}

const LOOKS: Record<string, Look> = {
  ok: { mark: "●", word: "ok", colour: "var(--gw-ok)" },
  vanishing: { mark: "▼", word: "vanishing", colour: "var(--gw-vanishing)" },
  exploding: { mark: "▲", word: "exploding", colour: "var(--gw-exploding)" },
  dead: { mark: "◌", word: "dead", colour: "var(--gw-dead)" },
  "non-finite": { mark: "✕", word: "non-finite", colour: "var(--gw-nonfinite)" },
  "no gradient": { mark: "○", word: "no gradient", colour: "var(--gw-none)" },
  "not trainable": { mark: "–", word: "not trainable", colour: "var(--gw-none)" },
  "not measured": { mark: "·", word: "not measured", colour: "var(--gw-none)" },
  general: { mark: "▬", word: "finding", colour: "var(--gw-general)" },
};

/** The look of a state; one that this page does not know is shown by its word. */
export function lookOf(state: string): Look {
  return LOOKS[state] ?? { mark: "▬", word: state, colour: "var(--gw-general)" };
}
