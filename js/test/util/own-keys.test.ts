// @vitest-environment jsdom
import { afterEach, expect, test } from "vitest";
import { keepOwnKeys } from "../../src/util/own-keys.ts";

const SUPPRESS = "data-lm-suppress-shortcuts";
const leave: (() => void)[] = [];

afterEach(() => {
  for (const end of leave.splice(0)) end();
  document.body.replaceChildren();
});

/** Whether a notebook that listens at the document, before any element, leaves a key alone. */
function isKept(target: Element, key: string, modifiers: KeyboardEventInit = {}): boolean {
  let kept = false;
  const notebook = () => {
    kept = target.hasAttribute(SUPPRESS);
  };
  document.addEventListener("keydown", notebook, { capture: true });
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...modifiers }));
  document.removeEventListener("keydown", notebook, { capture: true });
  return kept;
}

function placed<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  role = "group",
): HTMLElementTagNameMap[K] {
  const area = document.createElement("div");
  const node = document.createElement(tag);
  area.append(node);
  area.setAttribute("role", role);
  document.body.append(area);
  leave.push(keepOwnKeys(area));
  return node;
}

test("keys that the widget answers are kept, and all others are left to the notebook", () => {
  const button = placed("button");
  for (const key of ["p", "s", "/", "Enter", " "]) expect(isKept(button, key)).toBe(true);
  // Where the slash is above another character.
  expect(isKept(button, "/", { shiftKey: true })).toBe(true);
  expect(isKept(button, "s", { ctrlKey: true })).toBe(false);
  expect(isKept(button, "s", { metaKey: true })).toBe(false);
  expect(isKept(button, "Enter", { shiftKey: true })).toBe(false);
  expect(isKept(button, "b")).toBe(false);
  expect(isKept(button, "ArrowDown")).toBe(false);
  expect(isKept(button, "p")).toBe(true);
});

test("arrows are kept where they move from row to row or along the steps", () => {
  for (const role of ["table", "slider"]) {
    const node = placed("button", role);
    for (const key of ["ArrowDown", "ArrowLeft", "Home", "PageUp"])
      expect(isKept(node, key)).toBe(true);
    expect(isKept(node, "ArrowDown", { shiftKey: true })).toBe(false);
  }
});

test("keys typed into a field are kept, but Ctrl+S and Shift+Enter are the notebook's", () => {
  const field = placed("input");
  expect(isKept(field, "0")).toBe(true);
  expect(isKept(field, "s", { ctrlKey: true })).toBe(false);
  expect(isKept(field, "Enter", { shiftKey: true })).toBe(false);
});

test("keys elsewhere in the page are ignored, and all are once the widget is removed", () => {
  const button = placed("button");
  expect(isKept(document.body, "p")).toBe(false);
  for (const end of leave.splice(0)) end();
  expect(isKept(button, "p")).toBe(false);
});
