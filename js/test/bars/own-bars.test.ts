// @vitest-environment jsdom
import { expect, test } from "vitest";
import { OwnBars } from "../../src/bars/own-bars.ts";
import type { Scale } from "../../src/util/scale.ts";

const LOG: Scale = { kind: "log", low: 1e-4, high: 1 };
const SHARE: Scale = { kind: "linear", low: 0, high: 1 };

/** The attributes of the bars in an element, drawn with the same colors in turn. */
function drawn(bars: OwnBars, values: number[], scale: Scale) {
  const el = document.createElement("div");
  bars.attach(el);
  const colors = values.map((_, i) => (i % 2 === 0 ? "var(--gw-ok)" : "var(--gw-dead)"));
  bars.draw(values, colors, scale);
  return [...el.querySelectorAll<SVGRectElement>("rect.bar")].map((bar) => ({
    y: Number.parseFloat(bar.getAttribute("y") ?? ""),
    width: Number.parseFloat(bar.getAttribute("width") ?? ""),
    color: bar.style.fill,
  }));
}

test("a bar begins where its row does and ends where the axis has its value", () => {
  expect(drawn(new OwnBars(), [1e-4, 1e-3, 1e-2, 1], LOG)).toEqual([
    { y: 0, width: 0, color: "var(--gw-ok)" },
    { y: 25, width: 25, color: "var(--gw-dead)" },
    { y: 50, width: 50, color: "var(--gw-ok)" },
    { y: 75, width: 100, color: "var(--gw-dead)" },
  ]);
  expect(drawn(new OwnBars(), [0.25], SHARE)[0]?.width).toBe(25);
});

test("what is not measured has no bar, and what is beyond the axis ends with it", () => {
  const widths = drawn(new OwnBars(), [Number.NaN, Number.POSITIVE_INFINITY, 1e9, 0, -1], LOG);
  expect(widths.map(({ width }) => width)).toEqual([0, 100, 100, 0, 0]);
});

test("there are as many bars as values, however many there were before", () => {
  const bars = new OwnBars();
  expect(drawn(bars, [1, 1, 1], LOG).map(({ y }) => Math.round(y))).toEqual([0, 33, 67]);
  expect(drawn(bars, [1], LOG).map(({ y }) => y)).toEqual([0]);
  expect(drawn(bars, [1, 1], LOG).map(({ y }) => y)).toEqual([0, 50]);
});

test("removed, it leaves nothing in the page", () => {
  const el = document.createElement("div");
  const bars = new OwnBars();
  bars.attach(el);
  bars.remove();
  expect(el.childElementCount).toBe(0);
});
