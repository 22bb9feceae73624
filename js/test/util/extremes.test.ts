import { expect, test } from "vitest";
import { greater, lesser } from "../../src/util/extremes.ts";

test("of two numbers the lesser and the greater are found in either order", () => {
  expect([lesser(1, 2), lesser(2, 1), greater(1, 2), greater(2, 1)]).toEqual([1, 1, 2, 2]);
});

test("a missing number gives way to one that is there", () => {
  for (const choose of [lesser, greater]) {
    expect(choose(Number.NaN, 3)).toBe(3);
    expect(choose(3, Number.NaN)).toBe(3);
    expect(choose(Number.NaN, Number.NaN)).toBeNaN();
  }
});
