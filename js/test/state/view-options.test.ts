import { expect, test, vi } from "vitest";
import { ViewOptions } from "../../src/state/view-options.ts";

test("a change keeps the other choices and is told until the listener unsubscribes", () => {
  const options = new ViewOptions();
  const listener = vi.fn();
  const unsubscribe = options.subscribe(listener);
  options.change({ cursor: 7 });
  unsubscribe();
  options.change({ opened: "head" });
  expect(options.choices).toMatchObject({ metric: "grad_rms", cursor: 7, opened: "head" });
  expect(listener).toHaveBeenCalledTimes(1);
});

test("choices that were read before a change stay as they were", () => {
  const options = new ViewOptions();
  const before = options.choices;
  options.change({ cursor: 7 });
  expect(before.cursor).toBeNull();
});

test("a new story brings its metric once, unless the reader has chosen one", () => {
  const options = new ViewOptions();
  options.follow("vanishing", "act_grad_rms");
  expect(options.choices.metric).toBe("act_grad_rms");
  options.choose("weight_norm");
  options.follow("vanishing", "act_grad_rms");
  options.follow("dead", "act_dead_fraction");
  expect(options.choices.metric).toBe("weight_norm");
});
