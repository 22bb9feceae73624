// @vitest-environment jsdom
import { afterEach, expect, test } from "vitest";
import { keepOwnKeys } from "../../src/util/own-keys.ts";

const MINE = "data-lm-suppress-shortcuts";
const leave: (() => void)[] = [];

afterEach(() => {
  for (const end of leave.splice(0)) end();
  document.body.replaceChildren();
});

/** Whether a notebook that listens at the document, before any element, finds that a key is not for it. */
function isKept(target: Element, key: string, held: KeyboardEventInit = {}): boolean {
  let kept = false;
  const notebook = () => {
    kept = target.hasAttribute(MINE);
  };
  document.addEventListener("keydown", notebook, { capture: true });
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...held }));
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

test("what the picture answers is kept, and every other key is left to the notebook, one after the other", () => {
  const button = placed("button");
  for (const key of ["p", "s", "Enter", " "]) expect(isKept(button, key)).toBe(true);
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

test("what is typed into a field is kept, and Ctrl+S and Shift+Enter are the notebook's there, too", () => {
  const field = placed("input");
  expect(isKept(field, "0")).toBe(true);
  expect(isKept(field, "s", { ctrlKey: true })).toBe(false);
  expect(isKept(field, "Enter", { shiftKey: true })).toBe(false);
});

test("keys elsewhere in the page are none of its business, nor are any once the picture is gone", () => {
  const button = placed("button");
  expect(isKept(document.body, "p")).toBe(false);
  for (const end of leave.splice(0)) end();
  expect(isKept(button, "p")).toBe(false);
});
