// @vitest-environment jsdom
import { beforeEach, expect, test, vi } from "vitest";
import { Timeline } from "../../src/picture/timeline.ts";
import { Store } from "../../src/state/store.ts";
import { ViewOptions } from "../../src/state/view-options.ts";
import { Sizes } from "../../src/util/sizes.ts";
import { columnsOf, findingOf, scalarsOf } from "../fakes.ts";

let tell: (target: Element, width: number) => void;

beforeEach(() => {
  class Observer {
    constructor(told: (entries: unknown[]) => void) {
      tell = (target, width) => told([{ target, contentRect: { width, height: 10 } }]);
    }
    observe(): void {}
  }
  vi.stubGlobal("ResizeObserver", Observer);
});

function drawn(losses: Record<string, number[]>) {
  const store = new Store("Net");
  store.scalars = scalarsOf(losses);
  store.samples = columnsOf({ grad_rms: [[1], [1], [1]] }, [0, 2, 4]);
  const options = new ViewOptions();
  const timeline = new Timeline(store, options, new Sizes(() => {}));
  options.subscribe(() => timeline.update());
  timeline.update();
  tell(timeline.node, 100);
  timeline.update();
  const press = (key: string): number | null => {
    timeline.node.dispatchEvent(new KeyboardEvent("keydown", { key }));
    return options.choices.cursor;
  };
  return { store, options, timeline, press };
}

const FIVE = { loss: [5, 4, 3, 2, 1] };

test("keys travel from sample to sample, and at the end back to the live step", () => {
  const { press } = drawn(FIVE);
  expect(["ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowRight"].map(press)).toEqual([2, 0, 2, 4]);
  expect(press("ArrowRight")).toBeNull();
  expect(["Home", "End", "PageUp", "PageDown", "Escape"].map(press)).toEqual([
    0,
    null,
    null,
    0,
    null,
  ]);
});

test("the slider tells its step and loss, and follows the run when live", () => {
  const { timeline, press } = drawn(FIVE);
  expect(timeline.node.getAttribute("aria-valuetext")).toBe("step 4, newest, loss 1.00");
  press("Home");
  expect(timeline.node.getAttribute("aria-valuenow")).toBe("0");
  expect(timeline.node.getAttribute("aria-valuetext")).toBe("step 0, loss 5.00");
  expect(timeline.cursorLine.hidden).toBe(false);
});

test("each scalar has a line, and beside it its title and its value at the step shown", () => {
  const { timeline, press, store } = drawn({ ...FIVE, val_loss: [9, 9, 9, 9, 9] });
  const texts = (): string[] =>
    [...timeline.labels.querySelectorAll(":scope > div > div")].map(
      (line) => line.textContent ?? "",
    );
  expect(texts()).toEqual(["loss 1.00", "╌ val loss 9.00"]);
  press("Home");
  expect(texts()).toEqual(["loss 5.00", "╌ val loss 9.00"]);
  expect(timeline.node.querySelectorAll("path").length).toBe(2);
  store.scalars = scalarsOf(FIVE);
  store.version++;
  timeline.update();
  expect(texts()).toEqual(["loss 5.00"]);
  expect(timeline.node.querySelectorAll("path").length).toBe(1);
});

test("findings and changes are marked where they began and where they were undone", () => {
  const { timeline, store } = drawn(FIVE);
  store.findings = [findingOf({ first_step: 1, active: true })];
  store.version++;
  timeline.changes = [{ number: 1, step: 1, text: "clipped", undone_step: 3 }];
  timeline.update();
  const marks = [...timeline.node.querySelectorAll<HTMLElement>(".gw-marks i")];
  expect(marks.map(({ style, title }) => [style.left, title])).toEqual([
    ["25%", ""],
    ["37.5%", "applied: clipped"],
    ["87.5%", "undone: clipped"],
  ]);
});
