import { expect, test } from "vitest";
import { causesOf, explainedBy, leadOf, metricOf } from "../../../src/derive/story/lead.ts";
import type { FindingInfo } from "../../../src/protocol/messages.gen.ts";
import { Store } from "../../../src/state/store.ts";
import { findingOf } from "../../fakes.ts";

function storeWith(findings: FindingInfo[], metrics = ["grad_rms", "act_grad_rms"]): Store {
  const store = new Store("Net");
  store.findings = findings;
  store.metrics = metrics.map((name) => ({ name, title: name, scale: "log", bounds: [] }));
  return store;
}

const inputs = findingOf({
  symptom: "bad_inputs",
  active: true,
  metrics: [],
  consequences: ["plateau", "vanishing_gradients"],
});
const flat = findingOf({ symptom: "plateau", active: true, metrics: [], because: "bad_inputs" });
const fading = findingOf({ active: true, because: "bad_inputs" });

test("the first cause leads, in the metric that shows it best of those measured", () => {
  expect(leadOf(storeWith([findingOf({ active: true })]))?.metric).toBe("act_grad_rms");
  expect(leadOf(storeWith([findingOf({ active: true })], ["grad_rms"]))?.metric).toBe("grad_rms");
  expect(leadOf(storeWith([findingOf({ active: false })]))).toBeNull();
});

test("causes are what is wrong now and due to nothing else", () => {
  const over = findingOf({ symptom: "dead_relu", active: false });
  const other = findingOf({ symptom: "saturated", active: true });
  expect(causesOf(storeWith([inputs, flat, fading, over, other]))).toEqual([inputs, other]);
});

test("a cause that no metric shows is shown by what it explains", () => {
  const store = storeWith([inputs, flat, fading]);
  expect(leadOf(store)).toEqual({ cause: inputs, metric: "act_grad_rms" });
  expect(leadOf(storeWith([inputs, flat]))?.metric).toBeNull();
  expect(metricOf(inputs, store)).toBeNull();
});

test("a run that is lost is shown by what is not finite", () => {
  const lost = findingOf({
    symptom: "gradients_nonfinite",
    state: "non-finite",
    active: true,
    metrics: ["grad_rms"],
    because: "vanishing_gradients",
  });
  const cause = findingOf({ active: true, consequences: ["gradients_nonfinite"] });
  expect(leadOf(storeWith([cause, lost]))?.metric).toBe("grad_rms");
});

test("what a cause explains is in the order that Python says", () => {
  expect(explainedBy(inputs, [fading, inputs, flat])).toEqual([flat, fading]);
});
