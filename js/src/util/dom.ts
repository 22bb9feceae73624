/** Attributes of a new element; `text` becomes its text content, never markup. */
export type Attributes = Record<string, string | undefined> & { text?: string };

/**
 * A new element with attributes and children. The widget never parses markup from a string; a style
 * is set by way of the object model, since a strict content security policy allows no other.
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Node[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    if (name === "text") node.textContent = value;
    else if (name === "style") node.style.cssText = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/**
 * Sets the text of a node only when it differs, so that the browser has no layout to do when
 * nothing changed. It reuses the existing text node, which costs less than a new one.
 */
export function setText(node: Node, text: string): void {
  const { firstChild } = node;
  if (firstChild instanceof Text && node.lastChild === firstChild) {
    if (firstChild.data !== text) firstChild.data = text;
  } else if (node.textContent !== text) node.textContent = text;
}

/** Hides or shows an element; no change means no new style for the browser to compute. */
export function setHidden(node: Element, hidden: boolean): void {
  node.toggleAttribute("hidden", hidden);
}

/** Sets an attribute only when it differs; for a style there is `node.style`. */
export function setAttribute(node: Element, name: string, value: string): void {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
