// @vitest-environment jsdom
import { expect, test } from "vitest";
import { breakable } from "../../src/util/breakable.ts";

/** A text with a bar where its line may break. */
function breaks(text: string): string {
  return breakable(text)
    .map((node) => (node instanceof Text ? node.data : "|"))
    .join("");
}

test("a line may break after the dots of a module path", () => {
  expect(breaks("encoder.layers.0.norm")).toBe("encoder.|layers.|0.|norm");
  expect(breaks("body.Linear 3. Then")).toBe("body.|Linear 3. Then");
});

test("a number is not broken, nor parted from its sign", () => {
  expect(breaks("× 1.74 a layer, 0.003.")).toBe("×\u00a01.74 a layer, 0.003.");
});
