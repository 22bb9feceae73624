/** How a layer state looks: never by colour alone. */
export interface Look {
  mark: string;
  word: string;
  /** The custom property of the style sheet that holds its colour, so that light and dark need no code. */
  property: string;
  /** The same for use in a style. */
  colour: string;
}

function look(mark: string, word: string, name: string): Look {
  return { mark, word, property: `--gw-${name}`, colour: `var(--gw-${name})` };
}

const LOOKS: Record<string, Look> = {
  ok: look("●", "ok", "ok"),
  vanishing: look("▼", "vanishing", "vanishing"),
  exploding: look("▲", "exploding", "exploding"),
  dead: look("◌", "dead", "dead"),
  "non-finite": look("✕", "non-finite", "nonfinite"),
  "no gradient": look("○", "no gradient", "neutral"),
  "not trainable": look("–", "not trainable", "neutral"),
  "not measured": look("·", "not measured", "neutral"),
  general: look("▬", "finding", "general"),
};

/** The look of a state; one that this page does not know is shown by its word. */
export function lookOf(state: string): Look {
  return LOOKS[state] ?? look("▬", state, "general");
}
