// @vitest-environment jsdom
import { beforeEach, expect, test, vi } from "vitest";
import { FindingCard } from "../../src/panels/finding-card.ts";
import { findingOf } from "../fakes.ts";

const actions = { onShow: vi.fn(), onTravel: vi.fn(), loop: null };

beforeEach(() => {
  vi.clearAllMocks();
});

/** Terms and values of a card. */
function factsOf({ node }: FindingCard): Map<string | null, string | null> {
  const [terms, values] = ["dt", "dd"].map((tag) => [...node.querySelectorAll(tag)]);
  return new Map(terms?.map((term, i) => [term.textContent, values?.[i]?.textContent ?? null]));
}

test("evidence comes and goes with its finding, below what is always there", () => {
  const card = new FindingCard(actions);
  const evidence = [
    { name: "value", value: 1234 },
    { name: "growth_rate", value: null },
  ];
  card.update(findingOf({ active: true, evidence }));
  expect([...factsOf(card)]).toEqual([
    ["layers", "a"],
    ["since step", "10"],
    ["measured", "1,234"],
    ["growth rate", "not finite"],
  ]);
  card.update(findingOf({ caveat: "It may pass." }));
  expect([...factsOf(card)].slice(2)).toEqual([
    ["until step", "20"],
    ["caveat", "It may pass."],
  ]);
});

test("many layers are named in part, and one that is clicked is shown with all others", () => {
  const layers = Array.from({ length: 9 }, (_, i) => `layer${i}`);
  const card = new FindingCard(actions);
  card.update(findingOf({ layers }));
  expect(factsOf(card).get("layers")).toBe(`${layers.slice(0, 6).join("")}and 3 more`);
  card.node.querySelectorAll<HTMLButtonElement>(".gw-finding-layers button")[2]?.click();
  expect(actions.onShow).toHaveBeenCalledWith(layers, "layer2");
});

test("a finding of no layer is of the whole model", () => {
  const card = new FindingCard(actions);
  card.update(findingOf({ layers: [] }));
  expect(factsOf(card).get("layers")).toBe("the whole model");
});

test("the first step leads there", () => {
  const card = new FindingCard(actions);
  card.update(findingOf({ first_step: 1240 }));
  const [since] = [...card.node.querySelectorAll("button")].filter(
    ({ textContent }) => textContent === "1,240",
  );
  since?.click();
  expect(actions.onTravel).toHaveBeenCalledWith(1240);
});

test("a finding that is over says so instead of its severity", () => {
  const card = new FindingCard(actions);
  const head = (): string => card.node.querySelector(".gw-card-head")?.textContent ?? "";
  card.update(findingOf({ active: true }));
  expect(head()).toBe("Vanishing gradients▼critical");
  card.update(findingOf({ active: false }));
  expect(head()).toBe("Vanishing gradients✓resolved");
});

test("code that was opened stays open while the finding's values change", () => {
  const remedies = [{ title: "Clip", why: "It explodes.", code: "clip()", change: null }];
  const card = new FindingCard(actions);
  card.update(findingOf({ remedies, active: true }));
  card.node.querySelector<HTMLButtonElement>("[aria-expanded]")?.click();
  const code = card.node.querySelector<HTMLElement>(".gw-code");
  expect(code?.hidden).toBe(false);
  card.update(findingOf({ remedies, active: true, last_step: 900 }));
  expect(card.node.querySelector(".gw-code")).toBe(code);
  expect(code?.hidden).toBe(false);
});
