import { expect, test } from "vitest";
import { matchesOf } from "../../src/derive/matches.ts";

const layers = ["0", "encoder.3.Attn", "encoder.4.attn", "head"].map((name) => {
  return { name, kind: "Linear", summary: "", parameters: 1, shapes: [], activation: null };
});

test("layers are found by any part of their names, in any case, in their order", () => {
  expect(matchesOf(layers, "attn")).toEqual(["encoder.3.Attn", "encoder.4.attn"]);
  expect(matchesOf(layers, " HEAD ")).toEqual(["head"]);
});

test("a layer that is called by its kind is found by that, too", () => {
  expect(matchesOf(layers, "linear 0")).toEqual(["0"]);
});

test("nothing finds nothing, and a text is no pattern", () => {
  expect(matchesOf(layers, "  ")).toEqual([]);
  expect(matchesOf(layers, ".*")).toEqual([]);
});
