// @vitest-environment jsdom
import { expect, test, vi } from "vitest";
import { element, setText } from "../../src/util/dom.ts";

test("text is never markup, and an attribute without a value is left out", () => {
  const node = element("p", { text: "<b>bold</b>", title: undefined, class: "x" });
  expect(node.outerHTML).toBe('<p class="x">&lt;b&gt;bold&lt;/b&gt;</p>');
});

test("a style is set without the attribute, which a content security policy would forbid", () => {
  const spy = vi.spyOn(Element.prototype, "setAttribute");
  const node = element("i", { style: "left:50%;--gw-state:red" });
  expect(spy.mock.calls.flat()).not.toContain("style");
  expect(node.style.left).toBe("50%");
  expect(node.style.getPropertyValue("--gw-state")).toBe("red");
  spy.mockRestore();
});

test("a new text takes the place of the old one in the same node", () => {
  const node = element("p", { text: "one" });
  const { firstChild } = node;
  setText(node, "two");
  expect(node.textContent).toBe("two");
  expect(node.firstChild).toBe(firstChild);
  setText(node, "");
  expect(node.textContent).toBe("");
});
