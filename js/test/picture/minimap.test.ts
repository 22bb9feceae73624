// @vitest-environment jsdom
import { expect, test, vi } from "vitest";
import { Minimap, stripesOf } from "../../src/picture/minimap.ts";

test("equal layers are one stripe, and one that is not well is seen among thousands", () => {
  const states = Array.from({ length: 4000 }, (_, i) => (i === 2000 ? "dead" : "ok"));
  const stripes = stripesOf(states, 400);
  expect(stripes.map((stripe) => stripe.replace(/^.*?(\d+px \d+px)$/, "$1"))).toEqual([
    "0px 200px",
    "200px 201px",
    "201px 400px",
  ]);
  expect(stripes[1]).toContain("var(--gw-dead)");
});

test("fewer layers than pixels are stripes of several pixels", () => {
  expect(stripesOf(["dead", "ok"], 10).map((stripe) => stripe.slice(-8).trim())).toEqual([
    "0px 5px",
    "5px 10px",
  ]);
});

test("what is in sight is framed, and a layer that is pointed at is told", () => {
  const jump = vi.fn();
  const map = new Minimap(jump);
  map.update(["ok", "ok", "dead", "ok"], 100);
  map.frame({ from: 1, to: 3 });
  const { top, height } = (map.node.querySelector("i") as HTMLElement).style;
  expect([top, height].map(Number.parseFloat)).toEqual([25, 50]);
  map.node.setPointerCapture = vi.fn();
  map.node.getBoundingClientRect = () => new DOMRect(0, 100, 7, 100);
  map.node.dispatchEvent(new MouseEvent("pointerdown", { clientY: 160, button: 0 }));
  expect(jump).toHaveBeenCalledWith(2);
  map.update([], 0);
  expect(map.node.hidden).toBe(true);
});
