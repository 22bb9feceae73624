// @vitest-environment jsdom
import { beforeEach, expect, test, vi } from "vitest";
import { Search } from "../../../src/picture/rows/search.ts";
import { ViewOptions } from "../../../src/state/view-options.ts";

beforeEach(() => document.body.replaceChildren());

function layersOf(count: number) {
  return Array.from({ length: count }, (_, i) => {
    const name = `block.${i}.linear`;
    return { name, kind: "Linear", summary: "", parameters: 1, shapes: [], activation: null };
  });
}

/** A search over a number of layers, and what is typed into it. */
function searching(count = 60) {
  const options = new ViewOptions();
  const goTo = vi.fn();
  const search = new Search(options, goTo);
  document.body.append(search.node);
  const layers = layersOf(count);
  search.update(layers);
  const field = search.node.querySelector("input") as HTMLInputElement;
  const type = (text: string): void => {
    field.value = text;
    field.dispatchEvent(new Event("input"));
    search.update(layers);
  };
  const press = (key: string): void => {
    field.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    search.update(layers);
  };
  const words = (): string | null => search.node.querySelector("span")?.textContent ?? null;
  return { options, goTo, search, field, type, press, words };
}

test("what is typed is found at once, and counted", () => {
  const { options, type, words } = searching();
  type("block.5");
  expect(options.choices.found).toBe("block.5.linear");
  expect(words()).toBe("1 of 11");
  type("transformer");
  expect(options.choices.found).toBe(null);
  expect(words()).toBe("none");
});

test("arrows go from one to the next and around, Enter goes to the row", () => {
  const { options, type, press, words, goTo } = searching();
  type("block.5");
  press("ArrowDown");
  expect([options.choices.found, words()]).toEqual(["block.50.linear", "2 of 11"]);
  press("ArrowUp");
  press("ArrowUp");
  expect([options.choices.found, words()]).toEqual(["block.59.linear", "11 of 11"]);
  press("Enter");
  expect(goTo).toHaveBeenCalledExactlyOnceWith("block.59.linear");
});

test("Escape ends it", () => {
  const { options, type, press, field, words } = searching();
  type("block.5");
  press("Escape");
  expect(options.choices).toMatchObject({ search: "", found: null });
  expect([field.value, words()]).toEqual(["", ""]);
});

test("where all layers are in sight there is none until it is asked for", () => {
  const { search, field, type, words } = searching(9);
  expect(search.node.hidden).toBe(true);
  search.focus();
  expect(document.activeElement).toBe(field);
  type("block.5");
  expect([search.node.hidden, words()]).toEqual([false, "1 of 1"]);
});
