// @vitest-environment jsdom
import { expect, test, vi } from "vitest";
import { fitPaper } from "../../src/exported/paper.ts";
import { element } from "../../src/util/dom.ts";

test("while it prints the page is light and one sheet as large as the document", () => {
  document.head.append(element("style", { text: "body { margin: 0 }" }));
  document.body.classList.add("dark");
  const sheet = document.styleSheets[0] as CSSStyleSheet;
  const insert = vi.spyOn(sheet, "insertRule");
  vi.spyOn(document.body, "offsetHeight", "get").mockReturnValue(2400);
  vi.spyOn(document.body, "clientWidth", "get").mockReturnValue(1000);
  const then = vi.fn();
  fitPaper(then);

  window.dispatchEvent(new Event("beforeprint"));
  expect(document.body.className).toBe("gw-paper");
  expect(insert).toHaveBeenCalledWith("@page { size: 1000px 2401px; margin: 0 }", 1);
  expect(sheet.cssRules).toHaveLength(2);

  window.dispatchEvent(new Event("afterprint"));
  expect(document.body.className).toBe("");
  expect(sheet.cssRules).toHaveLength(1);
  expect(then).toHaveBeenCalledOnce();
});
