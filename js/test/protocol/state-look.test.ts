import { expect, test } from "vitest";
import { lookOf } from "../../src/protocol/state-look.ts";
import { STATES } from "../../src/protocol/states.gen.ts";

test("a state has its mark, its word and its color", () => {
  expect(lookOf("non-finite")).toEqual({
    mark: "✕",
    word: "non-finite",
    property: "--gw-nonfinite",
    color: "var(--gw-nonfinite)",
  });
});

test("every state that Python knows has a look, no two the same mark", () => {
  const marks = Object.keys(STATES).map((state) => lookOf(state).mark);
  expect(marks.length).toBe(18);
  expect(new Set(marks).size).toBe(marks.length);
});

test("a state of a later version is shown by its word", () => {
  const look = lookOf("oscillating");
  expect([look.word, look.mark, look.color]).toEqual(["oscillating", "▬", "var(--gw-general)"]);
});

test("a word that every object knows is no state", () => {
  expect(lookOf("constructor").word).toBe("constructor");
});
