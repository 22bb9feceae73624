/** The attribute that JupyterLab and Notebook look for before they take a key for a command. */
const MINE = "data-lm-suppress-shortcuts";
const EVERYWHERE = new Set(["p", "s", "Enter", " "]);
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

/** Whether the picture itself answers a key; with Ctrl, Alt, Meta or Shift, as to save, it is the notebook's. */
export function isOwnKey({
  key,
  ctrlKey,
  altKey,
  metaKey,
  shiftKey,
  target,
}: KeyboardEvent): boolean {
  if (ctrlKey || altKey || metaKey || !(target instanceof Element)) return false;
  if (target.matches("input, select")) return !(shiftKey && key === "Enter");
  if (shiftKey) return false;
  return (
    EVERYWHERE.has(key) ||
    (MOVES.has(key) && target.closest("[role=slider], [role=table]") !== null)
  );
}

/**
 * Keeps a notebook from taking the picture's own keys for commands, such as arrows for moves between cells, and leaves
 * it all others; the returned function ends that.
 *
 * Notebook 7 listens on the way down from the document, before any element hears of a key: only the attribute keeps
 * it away, and only on the focused element itself, since a binding on `:focus` is matched before any parent is looked
 * at. Before the document comes the window alone.
 */
export function keepOwnKeys(area: HTMLElement): () => void {
  const mark = (event: KeyboardEvent): void => {
    const { target } = event;
    if (target instanceof Element && area.contains(target))
      target.toggleAttribute(MINE, isOwnKey(event));
  };
  window.addEventListener("keydown", mark, { capture: true });
  return () => window.removeEventListener("keydown", mark, { capture: true });
}
