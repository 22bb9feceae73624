import { expect, test } from "vitest";
import { isAlarming, statesAt, worstOf } from "../../../src/derive/story/states-at.ts";
import { STATES } from "../../../src/protocol/states.gen.ts";
import { findingOf, storeOf } from "../../fakes.ts";

test("now, the states are those that Python said", () => {
  expect(statesAt(storeOf([], ["ok", "exploding"]), null)).toEqual(["ok", "exploding"]);
});

test("in the past, a layer has the state of the findings that were active then", () => {
  const store = storeOf([findingOf({})]);
  expect([9, 10, 20, 21].map((step) => statesAt(store, step)[0])).toEqual([
    "ok",
    "vanishing",
    "vanishing",
    "ok",
  ]);
});

test("a finding that is still active reaches up to now", () => {
  expect(statesAt(storeOf([findingOf({ active: true })]), 9000)).toEqual(["vanishing", "ok"]);
});

test("a general finding gives no layer its state, and a frozen layer stays what it is", () => {
  const whole = findingOf({ state: "general", layers: ["a", "b"], active: true });
  expect(statesAt(storeOf([whole], ["ok", "not trainable"]), 15)).toEqual(["ok", "not trainable"]);
});

test("a group takes the most alarming state of its layers", () => {
  expect(worstOf(["ok", "vanishing", "not trainable"])).toBe("vanishing");
  expect(worstOf(["ok", "not measured"])).toBe("ok");
  expect(worstOf(["ok", "a state of a later version"])).toBe("a state of a later version");
});

test("every state has its place between the most and the least alarming", () => {
  for (const state of Object.keys(STATES).filter((name) => name !== "general")) {
    expect(worstOf([state, "not trainable"])).toBe(state);
    expect(worstOf([state, "non-finite"])).toBe("non-finite");
  }
});

test("a healthy, frozen or unmeasured layer alarms nobody, an unknown state does", () => {
  expect(["ok", "not trainable", "not measured", "dead", "oscillating"].map(isAlarming)).toEqual([
    false,
    false,
    false,
    true,
    true,
  ]);
});
