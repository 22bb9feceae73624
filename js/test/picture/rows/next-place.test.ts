import { expect, test } from "vitest";
import { NextPlace } from "../../../src/picture/rows/next-place.ts";
import { Store } from "../../../src/state/store.ts";
import { ViewOptions } from "../../../src/state/view-options.ts";
import { findingOf } from "../../fakes.ts";

function placesOf(count = 6) {
  const store = new Store("Net");
  store.layers = Array.from({ length: count }, (_, i) => {
    const name = `l${i}`;
    return { name, kind: "Linear", summary: "", parameters: 1, shapes: [], activation: null };
  });
  const options = new ViewOptions();
  return { store, options, places: new NextPlace(store, options) };
}

test("what has come to lead is brought in sight once: its border, else its first layer", () => {
  const { store, places } = placesOf();
  expect(places.take(true)).toBe(null);
  store.findings = [findingOf({ active: true, layers: ["l1", "l0"] })];
  expect(places.take(true)).toEqual({ layer: 1, isBorder: true });
  expect(places.take(true)).toBe(null);
  store.findings = [findingOf({ active: true, symptom: "dead_relu", layers: ["l4"] })];
  expect(places.take(true)).toEqual({ layer: 4, isBorder: false });
});

test("where the reader has moved the rows, nothing but what was asked for moves them", () => {
  const { store, options, places } = placesOf();
  store.findings = [findingOf({ active: true, layers: ["l0"] })];
  expect(places.take(false)).toBe(null);
  options.change({ found: "l3" });
  expect(places.take(false)).toEqual({ layer: 3, isBorder: false });
  expect(places.take(false)).toBe(null);
  places.wanted = places.at("l5");
  expect(places.take(false)).toEqual({ layer: 5, isBorder: false });
  expect(places.at("nobody")).toBe(null);
});
