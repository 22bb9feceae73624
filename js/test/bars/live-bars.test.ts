import { expect, test, vi } from "vitest";
import { LiveBars } from "../../src/bars/live-bars.ts";
import type { Scale } from "../../src/util/scale.ts";

const SCALE: Scale = { kind: "linear", low: 0, high: 1 };
const EL = {} as HTMLElement;

/** The first bars, and late ones of which the test says when they come and are shown. */
function both() {
  const first = { attach: vi.fn(), draw: vi.fn(), remove: vi.fn() };
  let come = (): void => {};
  let fail = (): void => {};
  let show = (): void => {};
  const coming = new Promise<void>((resolve, reject) => {
    come = resolve;
    fail = () => reject(new Error("model not found"));
  });
  const late = {
    attach: vi.fn(() => coming),
    draw: vi.fn(),
    remove: vi.fn(),
    whenShown: (then: () => void) => {
      show = then;
    },
  };
  const settled = () => coming.then(undefined, () => {});
  return { first, late, come: () => come(), fail: () => fail(), show: () => show(), settled };
}

test("the first bars are there at once, and go when the late ones are in the page", async () => {
  const { first, late, come, show, settled } = both();
  const bars = new LiveBars(first, late);
  bars.attach(EL);
  expect(first.attach).toHaveBeenCalledWith(EL);
  bars.draw([1], ["red"], SCALE);
  expect(first.draw).toHaveBeenCalledTimes(1);
  expect(late.draw).not.toHaveBeenCalled();

  come();
  await settled();
  expect(late.draw).toHaveBeenLastCalledWith([1], ["red"], SCALE);
  expect(first.remove).not.toHaveBeenCalled();
  bars.draw([0.5], ["red"], SCALE);
  expect([first.draw, late.draw].map((draw) => draw.mock.calls.length)).toEqual([2, 2]);

  show();
  expect(first.remove).toHaveBeenCalledTimes(1);
  bars.draw([0.25], ["red"], SCALE);
  expect([first.draw, late.draw].map((draw) => draw.mock.calls.length)).toEqual([2, 3]);
});

test("where the late bars cannot be made the first ones stay", async () => {
  const debug = vi.spyOn(console, "debug").mockImplementation(() => {});
  const { first, late, fail, settled } = both();
  const bars = new LiveBars(first, late);
  bars.attach(EL);
  fail();
  await settled();
  bars.draw([1], ["red"], SCALE);
  expect(first.draw).toHaveBeenCalledTimes(1);
  expect(first.remove).not.toHaveBeenCalled();
  expect(late.draw).not.toHaveBeenCalled();
  expect(debug).toHaveBeenCalledTimes(1);
  debug.mockRestore();
});
