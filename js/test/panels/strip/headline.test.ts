// @vitest-environment jsdom
import { expect, test } from "vitest";
import { Headline } from "../../../src/panels/strip/headline.ts";
import { Store } from "../../../src/state/store.ts";
import { ViewOptions } from "../../../src/state/view-options.ts";
import { scalarsOf } from "../../fakes.ts";

/** The values of a headline by their titles, after steps with these losses. */
function headlineOf(
  losses: number[],
  cursor: number | null = null,
  closed = false,
): Map<string, string> {
  const store = new Store("Net");
  store.status = { ...store.status, step: losses.length - 1, trend: "falling", closed };
  store.scalars = scalarsOf({ loss: losses });
  const options = new ViewOptions();
  options.change({ cursor });
  const headline = new Headline(options);
  headline.update(store);
  const shown = [...headline.node.querySelectorAll<HTMLElement>("dl > div:not([hidden])")];
  return new Map(
    shown.map((entry) => [
      entry.querySelector("dt")?.textContent ?? "",
      entry.querySelector("dd")?.textContent ?? "",
    ]),
  );
}

test("the loss comes with where it is going", () => {
  expect(headlineOf([2, 1]).get("loss")).toBe("1.00 falling");
});

test("a loss that is no longer finite is shown neither as its last value nor as falling", () => {
  expect(headlineOf([2, Number.POSITIVE_INFINITY]).get("loss")).toBe("not finite");
});

test("a step without a loss shows that of the step before it", () => {
  expect(headlineOf([2, Number.NaN]).get("loss")).toBe("2.00 falling");
});

test("the last step of a run that is over says so, and no step before it", () => {
  expect(headlineOf([2, 1], null, true).get("step")).toBe("1 ended");
  expect(headlineOf([2, 1], 0, true).get("step shown")).toBe("0");
});

test("where nothing more comes, the way back is to what is newest, which is not live", () => {
  const headline = new Headline(new ViewOptions());
  const store = new Store("Net");
  headline.update(store);
  expect(headline.live.textContent).toBe("Live");
  headline.update(store, true);
  expect(headline.live.textContent).toBe("Newest");
});

test("a step of the past has its own loss and no trend", () => {
  expect(headlineOf([2, 1], 0).get("loss")).toBe("2.00");
});

test("further rates stand behind the first, by the names of their optimizers", () => {
  const store = new Store("Net");
  store.scalars = scalarsOf({ lr: [0.5], "lr/AdamW": [0.25] });
  const headline = new Headline(new ViewOptions());
  headline.update(store);
  expect(headline.more.node.textContent).toContain("0.500 · AdamW 0.250");
});
