import { expect, test, vi } from "vitest";
import { Emitter } from "../../src/util/emitter.ts";

class Counter extends Emitter {
  count = 0;

  add(): void {
    this.count++;
    this.emit();
  }
}

test("listeners are called after each change until they unsubscribe", () => {
  const counter = new Counter();
  const seen: number[] = [];
  const unsubscribe = counter.subscribe(() => seen.push(counter.count));
  counter.add();
  counter.add();
  unsubscribe();
  counter.add();
  expect(seen).toEqual([1, 2]);
});

test("a listener that unsubscribes leaves the others subscribed", () => {
  const counter = new Counter();
  const [one, other] = [vi.fn(), vi.fn()];
  const unsubscribe = counter.subscribe(one);
  counter.subscribe(other);
  unsubscribe();
  unsubscribe();
  counter.add();
  expect(one).not.toHaveBeenCalled();
  expect(other).toHaveBeenCalledTimes(1);
});

test("a listener that unsubscribes while it is called keeps none from being called", () => {
  const counter = new Counter();
  const other = vi.fn();
  const unsubscribe = counter.subscribe(() => unsubscribe());
  counter.subscribe(other);
  counter.add();
  expect(other).toHaveBeenCalledTimes(1);
});
