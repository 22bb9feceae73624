// @vitest-environment jsdom
import { beforeEach, expect, test, vi } from "vitest";
import { FindingCard } from "../../../src/panels/finding/finding-card.ts";
import type { FindingInfo } from "../../../src/protocol/messages.gen.ts";
import { findingOf } from "../../fakes.ts";

const toBorder = vi.fn(() => null as (() => void) | null);
const actions = { onShow: vi.fn(), onTravel: vi.fn(), toBorder, loop: null, outcome: () => "" };

beforeEach(() => {
  vi.clearAllMocks();
});

function layersOf(names: string[], kind = "Linear") {
  return names.map((name) => {
    return { name, kind, summary: "", parameters: 1, shapes: [], activation: null };
  });
}

const ALL = layersOf(["a", "b", "c"]);

function cardOf(finding: Partial<FindingInfo>, explained: FindingInfo[] = [], all = ALL) {
  const card = new FindingCard(actions);
  card.update(findingOf(finding), explained, all);
  return card;
}

/** Terms and values behind "Why we say so". */
function factsOf({ node }: FindingCard): [string | null, string | null][] {
  const [terms, values] = ["dt", "dd"].map((tag) => [...node.querySelectorAll(`.gw-why ${tag}`)]);
  return terms?.map((term, i) => [term.textContent, values?.[i]?.textContent ?? null]) ?? [];
}

function layersNamed({ node }: FindingCard): (string | null)[] {
  const [place] = node.querySelectorAll(":scope > .gw-place .gw-finding-layers");
  return [...(place?.children ?? [])].map(({ textContent }) => textContent);
}

test("what was measured stands behind why we say so, and comes and goes with its finding", () => {
  const evidence = [
    { name: "value", value: 1234 },
    { name: "growth_rate", value: null },
  ];
  const card = cardOf({ active: true, evidence });
  expect(factsOf(card)).toEqual([
    ["measured", "1,234"],
    ["growth rate", "not finite"],
    ["reported at step", "12"],
  ]);
  expect(card.node.querySelector<HTMLDetailsElement>(".gw-why")?.open).toBe(false);
  card.update(findingOf({ caveat: "It may pass." }), [], ALL);
  expect(factsOf(card).at(-1)).toEqual(["caveat", "It may pass."]);
});

test("layers that follow each other are a range, others are named in part and counted", () => {
  const numbered = ["0", "2", "4", "6", "8"];
  expect(layersNamed(cardOf({ layers: ["4", "0", "2", "8"] }, [], layersOf(numbered)))).toEqual([
    "Linear 0–4",
    "Linear 8",
  ]);
  const many = Array.from({ length: 18 }, (_, i) => `layer${i}`);
  const odd = many.filter((_, i) => i % 2 === 1);
  expect(layersNamed(cardOf({ layers: odd }, [], layersOf(many)))).toEqual([
    ...odd.slice(0, 6),
    "and 3 more",
  ]);
});

test("a layer that is clicked is shown with all others of its finding", () => {
  const finding = findingOf({ layers: ["a", "c"] });
  const card = cardOf(finding);
  card.node.querySelectorAll<HTMLButtonElement>(".gw-finding-layers button")[1]?.click();
  expect(actions.onShow.mock.calls).toEqual([[finding, "c"]]);
});

test("a click on the card shows its finding, one on its buttons does what they say", () => {
  const card = cardOf({ layers: ["a"] });
  card.node.querySelector("h3")?.click();
  expect(actions.onShow).toHaveBeenCalledTimes(1);
  card.node.querySelector<HTMLElement>(".gw-why summary")?.click();
  expect(actions.onShow).toHaveBeenCalledTimes(1);
});

test("a finding of no layer is of the whole model", () => {
  expect(layersNamed(cardOf({ layers: [] }))).toEqual(["the whole model"]);
});

test("the first step leads there", () => {
  const since = cardOf({ first_step: 1240, active: true }).node.querySelector<HTMLButtonElement>(
    ".gw-since",
  );
  expect(since?.textContent).toBe("since step 1,240");
  since?.click();
  expect(actions.onTravel).toHaveBeenCalledWith(1240);
});

test("a finding that is over says so instead of its severity", () => {
  const head = ({ node }: FindingCard): string =>
    node.querySelector(".gw-card-head")?.textContent ?? "";
  expect(head(cardOf({ active: true }))).toBe("Vanishing gradients▼critical?");
  expect(head(cardOf({ active: false }))).toBe("Vanishing gradients✓resolved?");
});

const CLIP = { title: "Clip", why: "It explodes.", code: "clip()", change: null };

test("code that was opened stays open while the finding's values change", () => {
  const remedies = [CLIP];
  const card = cardOf({ remedies, active: true });
  card.node.querySelector<HTMLButtonElement>(".gw-remedy [aria-expanded]")?.click();
  const code = card.node.querySelector<HTMLElement>(".gw-code");
  expect(code?.hidden).toBe(false);
  card.update(findingOf({ remedies, active: true, last_step: 900 }), [], ALL);
  expect(card.node.querySelector(".gw-code")).toBe(code);
  expect(code?.hidden).toBe(false);
});

test("the first remedy is in sight, the others are counted behind why we say so", () => {
  const others = [
    { ...CLIP, title: "Scale" },
    { ...CLIP, title: "Wait", code: "" },
  ];
  const { node } = cardOf({ remedies: [CLIP, ...others], active: true });
  const titles = (selector: string): (string | null)[] =>
    [...node.querySelectorAll(`${selector} .gw-remedy-head > span`)].map((e) => e.textContent);
  expect(titles(":scope > .gw-remedies")).toEqual(["Clip"]);
  expect(titles(".gw-why")).toEqual(["Scale", "Wait"]);
  expect(node.querySelector(".gw-why summary")?.textContent).toBe(
    "Why we say so, and 2 more to try",
  );
  // What a person has to do has no code to show.
  expect(node.querySelectorAll(".gw-why .gw-code")).toHaveLength(1);
});

test("what a finding explains is one line each, opened to its layers and without remedies", () => {
  const frozen = findingOf({
    symptom: "early_layers_frozen",
    title: "Early layers frozen",
    state: "frozen",
    message: "They hardly move.",
    layers: ["a", "b"],
    first_step: 40,
    because: "vanishing_gradients",
    remedies: [CLIP],
    active: true,
  });
  const flat = findingOf({ symptom: "plateau", title: "Loss is flat", state: "general" });
  const { node } = cardOf({ remedies: [CLIP], active: true }, [frozen, flat]);
  const lines = [...node.querySelectorAll(".gw-consequence summary")];
  expect(lines.map(({ textContent }) => textContent)).toEqual([
    "Early layers frozen in 2 layers, since step 40■",
    "Loss is flat, since step 10▬",
  ]);
  expect(node.querySelectorAll(".gw-remedy")).toHaveLength(1);
  const details = node.querySelector<HTMLDetailsElement>(".gw-consequence") as HTMLDetailsElement;
  details.open = true;
  details.dispatchEvent(new Event("toggle"));
  expect(actions.onShow.mock.calls).toEqual([[frozen, null]]);
  expect(details.textContent).toContain("They hardly move.");
});

test("a question mark opens the manual's paragraph of the symptom, as text", () => {
  const { node } = cardOf({ symptom: "dead_relu", title: "Dead units", active: true });
  const button = node.querySelector<HTMLButtonElement>(".gw-card-head .gw-help");
  expect(button?.getAttribute("aria-label")).toBe("What “Dead units” means");
  const panel = node.querySelector<HTMLElement>(".gw-explanation");
  expect(panel?.hidden).toBe(true);
  button?.click();
  expect(panel?.hidden).toBe(false);
  expect(button?.getAttribute("aria-controls")).toBe(panel?.id);
  expect(panel?.textContent).toMatch(/^Rule: more than \d+% of a layer's units are zero/);
  // It is not a click on the finding.
  expect(actions.onShow).not.toHaveBeenCalled();
});

test("a symptom that the page does not know has no question mark", () => {
  const { node } = cardOf({ symptom: "gremlins", active: true });
  expect(node.querySelector<HTMLElement>(".gw-help")?.hidden).toBe(true);
});

test("a finding with a border has a way to it", () => {
  const link = ({ node }: FindingCard): HTMLElement | undefined =>
    [...node.querySelectorAll<HTMLElement>(":scope > .gw-place button")].at(-1);
  expect(link(cardOf({ active: true }))?.parentElement?.hidden).toBe(true);
  const go = vi.fn();
  toBorder.mockReturnValue(go);
  const card = cardOf({ active: true });
  expect(link(card)?.textContent).toBe("show the border");
  expect(link(card)?.parentElement?.hidden).toBe(false);
  link(card)?.click();
  expect(go).toHaveBeenCalledOnce();
  toBorder.mockReturnValue(null);
});
