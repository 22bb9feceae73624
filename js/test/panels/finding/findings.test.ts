// @vitest-environment jsdom
import { expect, test } from "vitest";
import { Findings } from "../../../src/panels/finding/findings.ts";
import type { FindingInfo } from "../../../src/protocol/messages.gen.ts";
import { Store } from "../../../src/state/store.ts";
import { findingOf } from "../../fakes.ts";

function shown(findings: FindingInfo[], state = "ok"): HTMLElement {
  const store = new Store("Net");
  store.findings = findings;
  store.status = { ...store.status, step: 3, state };
  const actions = { onShow() {}, onTravel() {}, toBorder: () => null };
  const panel = new Findings({ ...actions, loop: null, outcome: () => "" });
  panel.update(store);
  return panel.node;
}

function items(node: HTMLElement, label: string): (string | null | undefined)[] {
  return [...node.querySelectorAll(`[aria-label="${label}"] > li`)].map(
    (item) => item.querySelector("h3")?.textContent,
  );
}

test("each cause has one card, what it explains none, and what is over is folded", () => {
  const cause = findingOf({ title: "Cause", active: true, consequences: ["plateau"] });
  const due = findingOf({
    symptom: "plateau",
    title: "Due",
    active: true,
    because: "vanishing_gradients",
  });
  const over = findingOf({ symptom: "loss_unstable", title: "Over" });
  const node = shown([cause, due, over]);
  expect(items(node, "Findings")).toEqual(["Cause"]);
  expect(items(node, "Findings that are over")).toEqual(["Over"]);
  const fold = node.querySelector<HTMLDetailsElement>(".gw-over");
  expect([fold?.hidden, fold?.open]).toEqual([false, false]);
  expect(fold?.querySelector("summary")?.textContent).toBe("Ended: Over, steps 10–20");
});

test("nothing is said to be well before the rules could have spoken", () => {
  const calm = (node: HTMLElement): HTMLElement | null => node.querySelector(".gw-no-findings");
  expect(calm(shown([], "not measured"))?.hidden).toBe(true);
  expect(calm(shown([]))?.hidden).toBe(false);
  expect(calm(shown([findingOf()]))?.textContent).toMatch(
    /^Nothing is wrong now. Not checked: whether labels/,
  );
});

test("a consequence that is over while its cause is not stands with what is over", () => {
  const cause = findingOf({ active: true, consequences: ["loss_unstable"] });
  const over = findingOf({
    symptom: "loss_unstable",
    title: "Loss jumps",
    because: "vanishing_gradients",
  });
  const node = shown([cause, over]);
  expect(node.querySelectorAll("[aria-label='Findings'] > li")).toHaveLength(1);
  expect(node.querySelector(".gw-over > summary")?.textContent).toBe(
    "Ended: Loss jumps, steps 10–20",
  );
});
