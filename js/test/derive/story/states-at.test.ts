import { expect, test } from "vitest";
import { isAlarming, statesAt, tonesAt, worstOf } from "../../../src/derive/story/states-at.ts";
import type { FindingInfo } from "../../../src/protocol/messages.gen.ts";
import { STATES } from "../../../src/protocol/states.gen.ts";
import { Store } from "../../../src/state/store.ts";
import { findingOf } from "../../fakes.ts";

function storeWith(findings: FindingInfo[], states = ["ok", "ok"]): Store {
  const store = new Store("Net");
  const rest = { kind: "Linear", summary: "", parameters: 1, shapes: [], activation: null };
  store.layers = ["a", "b"].map((name) => ({ name, ...rest }));
  store.states = states;
  store.findings = findings;
  return store;
}

test("now, the states are those that Python said", () => {
  expect(statesAt(storeWith([], ["ok", "exploding"]), null)).toEqual(["ok", "exploding"]);
});

test("in the past, a layer has the state of the findings that were active then", () => {
  const store = storeWith([findingOf({})]);
  expect([9, 10, 20, 21].map((step) => statesAt(store, step)[0])).toEqual([
    "ok",
    "vanishing",
    "vanishing",
    "ok",
  ]);
});

test("a finding that is still active reaches up to now", () => {
  expect(statesAt(storeWith([findingOf({ active: true })]), 9000)).toEqual(["vanishing", "ok"]);
});

test("a general finding gives no layer its state, and a frozen layer stays what it is", () => {
  const whole = findingOf({ state: "general", layers: ["a", "b"], active: true });
  expect(statesAt(storeWith([whole], ["ok", "not trainable"]), 15)).toEqual([
    "ok",
    "not trainable",
  ]);
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

test("a bar has the color of its row's state only where the metric is what the finding is about", () => {
  const growing = findingOf({ state: "weights grow", metrics: ["weight_norm"], active: true });
  const store = storeWith([growing], ["weights grow", "not trainable"]);
  expect(tonesAt(store, null, "weight_norm", [1, 1])).toEqual(["weights grow", "not trainable"]);
  expect(tonesAt(store, null, "grad_rms", [1, 1])).toEqual(["ok", "not trainable"]);
});

test("of two findings of a layer the leading one alone colors its bar", () => {
  const dead = findingOf({ state: "dead", metrics: ["act_dead_fraction"], active: true });
  const store = storeWith([dead, findingOf({ active: true })], ["dead", "ok"]);
  expect(tonesAt(store, null, "grad_rms", [1, 1])).toEqual(["ok", "ok"]);
  expect(tonesAt(store, null, "act_dead_fraction", [1, 1])).toEqual(["dead", "ok"]);
});

test("what is shown of before has the color of its cause, whatever the row says by now", () => {
  const vanishing = findingOf({ state: "vanishing", metrics: ["act_grad_rms"], active: true });
  const store = storeWith([vanishing], ["non-finite", "ok"]);
  expect(tonesAt(store, null, "act_grad_rms", [1e-9, 1])).toEqual(["vanishing", "ok"]);
});

test("a value that is not finite is shown as such, and only where it is", () => {
  const store = storeWith([], ["non-finite", "non-finite"]);
  expect(tonesAt(store, null, "grad_rms", [Number.POSITIVE_INFINITY, 1])).toEqual([
    "non-finite",
    "ok",
  ]);
});
