// @vitest-environment jsdom
import { beforeEach, expect, test, vi } from "vitest";
import type { TableRow } from "../../../src/derive/table.ts";
import { Rows } from "../../../src/picture/rows/rows.ts";
import { Sizes } from "../../../src/util/sizes.ts";

/** Tells an element's size as the browser would after it has laid out the page. */
let tell: (target: Element, width: number) => void;

beforeEach(() => {
  document.body.replaceChildren();
  class Observer {
    constructor(told: (entries: unknown[]) => void) {
      tell = (target, width) => told([{ target, contentRect: { width, height: 10 } }]);
    }
    observe(): void {}
  }
  vi.stubGlobal("ResizeObserver", Observer);
});

function specsOf(labels: string[]): TableRow[] {
  return labels.map((label, layer) => {
    return {
      key: label,
      label,
      name: label,
      colorState: "ok",
      dimmed: false,
      depth: 0,
      layers: [layer],
      summary: "Linear",
      state: "ok",
      value: 1,
      step: 0,
    };
  });
}

function rowsOf(changed = (): void => {}): {
  rows: Rows;
  show: (labels: string[]) => HTMLButtonElement[];
} {
  const rows = new Rows(new Sizes(changed), { onOpen() {}, onToggle() {} });
  document.body.append(rows.node);
  const show = (labels: string[]): HTMLButtonElement[] => {
    rows.update(
      specsOf(labels),
      labels.map(() => "1.00"),
      null,
      new Set(),
      null,
    );
    return [...rows.node.querySelectorAll<HTMLButtonElement>(".gw-name")];
  };
  return { rows, show };
}

test("the focus stays on its row when rows come and go below it", () => {
  const { show } = rowsOf();
  const [, second] = show(["a", "b", "c"]);
  second?.focus();
  show(["a", "b", "c", "d", "e"]);
  expect(document.activeElement).toBe(second);
  show(["a", "b"]);
  expect(document.activeElement).toBe(second);
});

test("one row can always be reached with the Tab key", () => {
  const { rows, show } = rowsOf();
  show(["a", "b", "c"])[2]?.focus();
  rows.node.dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }));
  const reachable = show(["a"]).map((name) => name.getAttribute("tabindex"));
  expect(reachable).toEqual(["0"]);
});

test("names are shortened to the width that the page tells, as soon as it tells it", () => {
  const { rows, show } = rowsOf(() => show(["encoder.layers.11.linear"]));
  const [name] = show(["encoder.layers.11.linear"]);
  expect(name?.textContent).toBe("");
  tell(rows.node.querySelector(".gw-name-cell") as Element, 70);
  expect(name?.textContent).toMatch(/^.{1,3}….*linear$/);
});

test("a row that is asked for before it is drawn gets the focus once it is, and only then", () => {
  const { rows, show } = rowsOf();
  show(["group"]);
  rows.focus("deep");
  const drawn = show(["group", "deep"]);
  expect(document.activeElement).toBe(drawn[1]);
  rows.focus("never drawn");
  show(["group"])[0]?.focus();
  show(["group", "never drawn"]);
  expect(document.activeElement).toBe(drawn[0]);
});
