import { expect, test } from "vitest";
import {
  formatCount,
  formatPower,
  formatShare,
  formatShort,
  formatValue,
} from "../../src/util/format.ts";

test("values are short and never lose their size", () => {
  expect(
    [0.5231, 0.003142, -0.001, 999.7, 1234.5, -57_312, 3.14e-8, 2e12, 0, -0.25].map(formatValue),
  ).toEqual([
    "0.523",
    "0.0031",
    "−0.001",
    "1,000",
    "1,230",
    "−57,300",
    "3.1×10⁻⁸",
    "2.0×10¹²",
    "0",
    "−0.250",
  ]);
});

test("what is not finite says so", () => {
  expect([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(formatValue)).toEqual(
    ["NaN", "∞", "−∞"],
  );
});

test("counts, shares and powers", () => {
  expect(formatCount(1240)).toBe("1,240");
  expect(formatShare(0.0061)).toBe("0.6%");
  expect(formatShare(0.5)).toBe("50%");
  expect(formatPower(-12)).toBe("10⁻¹²");
});

test("the ends of an axis have no digit more than they need", () => {
  const ends = [0.5, -0.001, 0.00316, 100, 1, 0];
  expect(ends.map(formatShort)).toEqual(["0.5", "−0.001", "0.0032", "100", "1", "0"]);
});
