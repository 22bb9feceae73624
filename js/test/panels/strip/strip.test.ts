// @vitest-environment jsdom
import { beforeEach, expect, test } from "vitest";
import { Strip } from "../../../src/panels/strip/strip.ts";
import { REQUESTED, UNCONTROLLED } from "../../../src/state/loop-control.ts";
import { Store } from "../../../src/state/store.ts";
import { ViewOptions } from "../../../src/state/view-options.ts";
import { controlled, scalarsOf } from "../../fakes.ts";

beforeEach(() => document.body.replaceChildren());

/** A strip in the page, over a run of two steps. */
function stripOf() {
  const controls = controlled();
  const store = new Store("classifier");
  store.status = { ...store.status, verdict: "Healthy", step: 1, overhead: 0.006 };
  store.layers = [
    { name: "net.0", kind: "Linear", summary: "", parameters: 1, shapes: [], activation: null },
  ];
  store.scalars = scalarsOf({ loss: [2, 1], total_grad_norm: [3, 4] });
  const strip = new Strip(new ViewOptions(), controls.loop, () => "better");
  const area = document.createElement("div");
  area.append(...strip.nodes);
  document.body.append(area);
  strip.listenToKeys(area);
  const update = (): void => strip.update(store);
  update();
  const named = (label: string): HTMLElement =>
    area.querySelector(`[aria-label="${label}"]`) as HTMLElement;
  return { ...controls, area, update, named };
}

function press(target: Element | null, key: string): void {
  target?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}

test("the row has the verdict, the model's name, step and loss, and all else is folded", () => {
  const { area, named } = stripOf();
  const row = area.querySelector(".gw-strip")?.cloneNode(true) as HTMLElement;
  for (const hidden of row.querySelectorAll("[hidden]")) hidden.remove();
  expect(row.textContent).toBe("·Healthyclassifierstep1loss1.00PauseStepLive…");
  const more = area.querySelector<HTMLElement>(".gw-more");
  expect(more?.hidden).toBe(true);
  named("More figures and settings").click();
  expect(more?.hidden).toBe(false);
  expect(more?.textContent).toContain("total norm4.00");
  expect(more?.textContent).toContain("cost0.6%");
  expect(more?.textContent).toContain("Steps to run");
});

test("Escape folds it again, and the focus goes back to its button", () => {
  const { area, named } = stripOf();
  const button = named("More figures and settings");
  button.click();
  const field = area.querySelector("input");
  field?.focus();
  press(field, "Escape");
  expect(area.querySelector<HTMLElement>(".gw-more")?.hidden).toBe(true);
  expect(button.getAttribute("aria-expanded")).toBe("false");
  expect(document.activeElement).toBe(button);
});

test("p and s pause and step, but not while they are typed into a field", () => {
  const { area, sent } = stripOf();
  press(area.querySelector("input"), "p");
  expect(sent).toEqual([]);
  press(area.querySelector(".gw-live"), "p");
  press(area.querySelector(".gw-live"), "s");
  expect(sent.map(({ kind }) => kind)).toEqual(["pause", "step"]);
});

test("an Undo says that it waits for a step, and what came of it", () => {
  const { area, loop, update, answer } = stripOf();
  const change = { number: 1, step: 40, text: "lr = 0.1", undone_step: null };
  loop.receive({ ...UNCONTROLLED, changes: [change] });
  update();
  const outcome = area.querySelector(".gw-changes .gw-outcome");
  expect(outcome?.textContent).toBe("better");
  area.querySelector<HTMLElement>(".gw-changes button")?.click();
  update();
  expect(outcome?.textContent).toBe(REQUESTED);
  answer(false, "it is not in force");
  update();
  expect(outcome?.textContent).toBe("Not done: it is not in force");
});

test("an Undo that is carried out leaves the keyboard where it was", () => {
  const { area, loop, update } = stripOf();
  const change = { number: 1, step: 40, text: "lr = 0.1", undone_step: null };
  loop.receive({ ...UNCONTROLLED, changes: [change] });
  update();
  area.querySelector<HTMLElement>(".gw-changes button")?.focus();
  loop.receive({ ...UNCONTROLLED, changes: [{ ...change, undone_step: 50 }] });
  update();
  expect(document.activeElement).toBe(area.querySelector(".gw-loop-state"));
});

test("what is unusual about the loop has a line of its own, and only then", () => {
  const { area, loop, update } = stripOf();
  const line = area.querySelector(".gw-loop");
  expect(line?.classList.contains("gw-empty")).toBe(true);
  loop.receive({ ...UNCONTROLLED, mode: "paused", step: 40, reason: "vanishing gradients" });
  update();
  expect(line?.classList.contains("gw-empty")).toBe(false);
  expect(line?.textContent).toContain("Paused after step 40 · vanishing gradients");
  const change = { number: 1, step: 40, text: "fresh weights for net.0", undone_step: null };
  loop.receive({ ...UNCONTROLLED, changes: [change] });
  update();
  expect(line?.textContent).toContain("Since step 41: fresh weights for net.Linear 0Undobetter");
});
