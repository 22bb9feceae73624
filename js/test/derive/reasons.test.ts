import { expect, test } from "vitest";
import { reasonsFor } from "../../src/derive/reasons.ts";

const REASONS = new Map([
  ["a", "It is compiled."],
  ["b", "It is compiled."],
  ["c", "It is sharded."],
]);

test("a layer has its own reason, and none where everything was measured", () => {
  expect(reasonsFor(["c"], REASONS)).toEqual(["It is sharded."]);
  expect(reasonsFor(["d"], REASONS)).toEqual([]);
});

test("a group says each reason once and of how many of its layers it is true", () => {
  expect(reasonsFor(["a", "b", "c", "d"], REASONS)).toEqual([
    "2 of 4: It is compiled.",
    "1 of 4: It is sharded.",
  ]);
});
