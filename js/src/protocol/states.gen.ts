// Made by scripts/gen_states.py; change gradwidget/diagnose/summary/state_look.py instead.

/** Mark, word and color name of each state, and of a finding that is about none. */
export const STATES = {
  "ok": { mark: "●", word: "ok", color: "ok" },
  "vanishing": { mark: "▼", word: "vanishing", color: "vanishing" },
  "exploding": { mark: "▲", word: "exploding", color: "exploding" },
  "weights grow": { mark: "△", word: "weights grow", color: "exploding" },
  "weights shrink": { mark: "▽", word: "weights shrink", color: "vanishing" },
  "zero weights": { mark: "∅", word: "zero weights", color: "dead" },
  "frozen": { mark: "■", word: "frozen", color: "vanishing" },
  "dead": { mark: "◌", word: "dead", color: "dead" },
  "saturated": { mark: "◉", word: "saturated", color: "general" },
  "underflow": { mark: "↓", word: "underflow", color: "vanishing" },
  "updates lost": { mark: "≈", word: "updates lost", color: "general" },
  "zero gradient": { mark: "⊘", word: "zero gradient", color: "dead" },
  "no optimizer": { mark: "◇", word: "no optimizer", color: "general" },
  "non-finite": { mark: "✕", word: "non-finite", color: "nonfinite" },
  "no gradient": { mark: "○", word: "no gradient", color: "neutral" },
  "not trainable": { mark: "–", word: "not trainable", color: "neutral" },
  "not measured": { mark: "·", word: "not measured", color: "neutral" },
  "general": { mark: "▬", word: "finding", color: "general" },
} as const;

/** A state that this page knows. */
export type KnownState = keyof typeof STATES;

/** What is said where nothing is wrong. */
export const NOT_CHECKED =
  "Not checked: whether labels, masks and rewards are right. Gradients do not show that.";
