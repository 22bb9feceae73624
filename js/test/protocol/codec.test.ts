import { expect, test } from "vitest";
import { decode } from "../../src/protocol/codec.ts";
import type { Block } from "../../src/protocol/messages.gen.ts";
import fixture from "./codec.fixture.json" with { type: "json" };

const bytes = Uint8Array.from(atob(fixture.data), (character) => character.charCodeAt(0));

function numbersAt(offset: number): number[][] {
  const buffer = new Uint8Array(bytes.length + offset);
  buffer.set(bytes, offset);
  return decode(fixture.blocks as Block[], new DataView(buffer.buffer, offset)).map(
    ({ values }) => [...values],
  );
}

const expected = [
  [0, 1, 16_777_217],
  [2.5, Number.NaN, Number.POSITIVE_INFINITY],
  [1],
  [1e-30, 0, 1e25].map(Math.fround),
];

test("what Python encoded is decoded to the same numbers", () => {
  expect(numbersAt(0)).toEqual(expected);
});

test("a buffer that begins anywhere in a larger one is decoded too", () => {
  expect(numbersAt(3)).toEqual(expected);
});
