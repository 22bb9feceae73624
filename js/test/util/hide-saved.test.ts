// @vitest-environment jsdom
import { expect, test, vi } from "vitest";
import { hideSaved } from "../../src/util/hide-saved.ts";

test("what is saved of a widget is hidden as long as it lives, and nothing of another", () => {
  vi.stubGlobal("CSS", { escape: (text: string) => text });
  document.body.innerHTML = '<p class="gw-static" data-widget="a"><p class="gw-static">';
  const [own, other] = document.querySelectorAll("p");
  const show = hideSaved("a");
  const display = (node?: Element): string => (node ? getComputedStyle(node).display : "");
  expect([display(own), display(other)]).toEqual(["none", "block"]);
  show();
  expect(display(own)).toBe("block");
});
