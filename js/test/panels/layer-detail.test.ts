// @vitest-environment jsdom
import { expect, test } from "vitest";
import { LayerDetail } from "../../src/panels/layer-detail.ts";
import type { MetricInfo } from "../../src/protocol/messages.gen.ts";
import { Store } from "../../src/state/store.ts";
import { ViewOptions } from "../../src/state/view-options.ts";
import { columnsOf } from "../fakes.ts";

const METRICS: MetricInfo[] = [
  { name: "grad_rms", title: "gradient RMS", scale: "log", bounds: [] },
  { name: "act_dead_fraction", title: "dead units", scale: "share", bounds: [] },
];

function openedOn(layer: string): { detail: LayerDetail; options: ViewOptions; show: () => void } {
  const store = new Store("Net");
  const rest = { kind: "Linear", summary: "", parameters: 1056, shapes: ["weight 32×32"] };
  store.layers = ["a", "b"].map((name) => ({ name, ...rest, activation: "ReLU" }));
  store.states = ["ok", "dead"];
  store.metrics = METRICS;
  store.reasons = new Map([["b", "It runs in compiled code."]]);
  store.samples = columnsOf({
    grad_rms: [
      [1, 10],
      [2, 1000],
    ],
    act_dead_fraction: [
      [0, 1],
      [0, 1],
    ],
  });
  const options = new ViewOptions();
  const detail = new LayerDetail(options, null);
  options.change({ opened: layer });
  const show = (): void => detail.update(store, options, { first: 0, last: 1 });
  show();
  return { detail, options, show };
}

/** Titles and values of all metrics, and the course of each. */
function metricsOf({ node }: LayerDetail): (string | null | undefined)[][] {
  const list = node.querySelector("dl");
  const rows = [...(list?.querySelectorAll("dd") ?? [])];
  return [...(list?.querySelectorAll("dt") ?? [])].map((title, i) => [
    title.textContent,
    rows[i]?.querySelector("span")?.textContent,
    rows[i]?.querySelector("path")?.getAttribute("d"),
  ]);
}

test("an open layer says what it is, and why something is not measured", () => {
  const { detail } = openedOn("b");
  expect(detail.node.querySelector("h2")?.textContent).toBe("◌ b");
  expect(detail.node.textContent).toContain(
    "dead · Linear, followed by ReLU · weight 32×32 · 1,056 parameters",
  );
  expect(detail.node.textContent).toContain("It runs in compiled code.");
});

test("without anyone to ask for a close look there is no empty place for it", () => {
  expect(openedOn("b").detail.node.querySelector(".gw-inspection")).toBeNull();
});

test("every metric has its value and its course, from its least to its greatest value", () => {
  expect(metricsOf(openedOn("b").detail)).toEqual([
    ["gradient RMS", "1,000", "M0 19.0L84 1.0"],
    ["dead units", "100%", "M0 10.0L84 10.0"],
  ]);
});

test("a step of the past has its own values and no reason", () => {
  const { detail, options, show } = openedOn("b");
  options.change({ cursor: 0 });
  show();
  expect(metricsOf(detail)[0]?.[1]).toBe("10.0");
  expect(detail.node.querySelector<HTMLElement>(".gw-reason")?.hidden).toBe(true);
});

test("another layer takes its place, and an unknown one hides it", () => {
  const { detail, options, show } = openedOn("b");
  options.change({ opened: "a" });
  show();
  expect(metricsOf(detail)[0]?.[1]).toBe("2.00");
  options.change({ opened: "no such layer" });
  show();
  expect(detail.node.hidden).toBe(true);
});
