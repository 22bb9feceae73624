import { expect, test } from "vitest";
import { statesAt, worstOf } from "../../src/derive/states-at.ts";
import type { FindingInfo } from "../../src/protocol/messages.gen.ts";
import { Store } from "../../src/state/store.ts";

function finding(changes: Partial<FindingInfo>): FindingInfo {
  return {
    symptom: "vanishing_gradients",
    title: "Vanishing gradients",
    severity: "critical",
    state: "vanishing",
    message: "",
    layers: ["a"],
    first_step: 10,
    reported_step: 12,
    last_step: 20,
    active: false,
    caveat: "",
    origin: null,
    evidence: [],
    remedies: [],
    ...changes,
  };
}

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

test("in the past, a layer has the state of the findings that held then", () => {
  const store = storeWith([finding({})]);
  expect([9, 10, 20, 21].map((step) => statesAt(store, step)[0])).toEqual([
    "ok",
    "vanishing",
    "vanishing",
    "ok",
  ]);
});

test("a finding that still holds holds up to now", () => {
  expect(statesAt(storeWith([finding({ active: true })]), 9000)).toEqual(["vanishing", "ok"]);
});

test("a finding of the whole run colors no layer, and a frozen layer stays what it is", () => {
  const whole = finding({ state: "general", layers: ["a", "b"], active: true });
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
