/** The attribute that JupyterLab and Notebook check before they take a key for a command. */
const SUPPRESS = "data-lm-suppress-shortcuts";
const EVERYWHERE = new Set(["p", "s", "/", "Enter", " "]);
const MOVES = new Set([
  "ArrowUp",
  "ArrowDown",
  "ArrowLeft",
  "ArrowRight",
  "Home",
  "End",
  "PageUp",
  "PageDown",
  "Escape",
]);

/**
 * Whether the widget itself answers a key. With Ctrl, Alt, Meta or Shift, such as to save, it is
 * the notebook's.
 */
export function isOwnKey(event: KeyboardEvent): boolean {
  const { key, ctrlKey, altKey, metaKey, shiftKey, target } = event;
  if (ctrlKey || altKey || metaKey || !(target instanceof Element)) return false;
  if (target.matches("input, select")) return !(shiftKey && key === "Enter");
  // On some keyboards the slash is above another character.
  if (shiftKey && key !== "/") return false;
  if (key === "Escape" && target.closest(".gw-panel") !== null) return true;
  const moves = MOVES.has(key) && target.closest("[role=slider], [role=table]") !== null;
  return moves || EVERYWHERE.has(key);
}

/** Whether a key that the widget answers is a command to it, rather than typed into a field. */
export function isCommand(event: KeyboardEvent): boolean {
  const isTyped = (target: Element): boolean =>
    target.matches("input:not([type=checkbox]), select");
  return isOwnKey(event) && !isTyped(event.target as Element);
}

/**
 * Keeps a notebook from taking the widget's own keys for commands, such as arrows for moves between
 * cells, and leaves it all others; the returned function stops that.
 *
 * Notebook 7 listens in the capture phase at the document, before any element receives a key. Only
 * the attribute keeps it away, and only on the focused element itself, since a binding on `:focus`
 * is matched before any parent is checked. Only the window receives a key before the document.
 */
export function keepOwnKeys(area: HTMLElement): () => void {
  const mark = (event: KeyboardEvent): void => {
    const { target } = event;
    if (target instanceof Element && area.contains(target))
      target.toggleAttribute(SUPPRESS, isOwnKey(event));
  };
  window.addEventListener("keydown", mark, { capture: true });
  return () => window.removeEventListener("keydown", mark, { capture: true });
}
