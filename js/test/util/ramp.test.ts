import { expect, test } from "vitest";
import { pixelOf, rampOf, rgbOf, stopsOf } from "../../src/util/ramp.ts";

test("the stops of a ramp are read as CSS lists them", () => {
  expect(stopsOf(" #f4f6fa, #ceddf0,#103450 ")).toEqual(["#f4f6fa", "#ceddf0", "#103450"]);
});

test("a ramp goes through its stops in equal parts", () => {
  const ramp = rampOf(["#000000", "#ff0000", "#ff00ff"]);
  expect(ramp.length).toBe(256);
  expect(ramp[0]).toBe(pixelOf([0, 0, 0]));
  expect(ramp[51]).toBe(pixelOf([102, 0, 0]));
  expect(ramp[204]).toBe(pixelOf([255, 0, 153]));
  expect(ramp[255]).toBe(pixelOf([255, 0, 255]));
});

test("a pixel has its channels in the order of a canvas", () => {
  const bytes = new Uint8Array(Uint32Array.of(pixelOf(rgbOf("#0a64c8"))).buffer);
  expect([...bytes]).toEqual([10, 100, 200, 255]);
});
