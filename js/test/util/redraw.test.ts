import { beforeEach, expect, test, vi } from "vitest";
import { memo, type Redraw, redraw } from "../../src/util/redraw.ts";

let frames: (() => void)[] = [];
let drawn = 0;
let drawing: Redraw;

beforeEach(() => {
  frames = [];
  drawn = 0;
  vi.stubGlobal("requestAnimationFrame", (next: () => void) => frames.push(next));
  vi.stubGlobal("cancelAnimationFrame", (number: number) => {
    frames[number - 1] = () => {};
  });
  drawing = redraw(() => drawn++);
});

function frame(): void {
  for (const next of frames.splice(0)) next();
}

async function ask(times: number): Promise<void> {
  for (let i = 0; i < times; i++) drawing.soon();
  await Promise.resolve();
}

test("what is asked for many times at once is drawn once, before the next frame", async () => {
  await ask(5);
  expect(drawn).toBe(1);
  frame();
  frame();
  expect(drawn).toBe(1);
});

test("what is asked for after that waits for the frame", async () => {
  await ask(1);
  await ask(3);
  expect(drawn).toBe(1);
  frame();
  expect(drawn).toBe(2);
});

test("after a frame it is drawn at once again", async () => {
  await ask(1);
  frame();
  await ask(1);
  expect(drawn).toBe(2);
});

test("what is asked for later is drawn in the next frame only", async () => {
  drawing.later();
  await ask(2);
  expect(drawn).toBe(0);
  frame();
  expect(drawn).toBe(1);
});

test("nothing is drawn after it was canceled", async () => {
  drawing.soon();
  drawing.cancel();
  await Promise.resolve();
  drawing.later();
  drawing.cancel();
  frame();
  expect(drawn).toBe(0);
});

test("a memo draws only when its key has changed", () => {
  const keys = ["a", "a", "b", "b", "a"];
  const seen: string[] = [];
  const draw = memo<string>();
  for (const key of keys) draw(key, () => seen.push(key));
  expect(seen).toEqual(["a", "b", "a"]);
});

test("a picture that takes long to draw leaves most of the time to the page", async () => {
  let now = 0;
  vi.useFakeTimers();
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const slow = redraw(() => {
    drawn++;
    now += 20;
  });
  const arrive = async (): Promise<void> => {
    slow.inTurn();
    await Promise.resolve();
    frame();
  };
  await arrive();
  expect(drawn).toBe(1);
  for (now = 50; now < 150; now += 50) await arrive();
  expect(drawn).toBe(1);
  now = 160;
  await vi.advanceTimersByTimeAsync(1000);
  frame();
  expect(drawn).toBe(2);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("what the reader does is drawn at once however long that takes", async () => {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const slow = redraw(() => {
    drawn++;
    now += 20;
  });
  for (let i = 0; i < 3; i++) {
    slow.soon();
    await Promise.resolve();
    frame();
  }
  expect(drawn).toBe(3);
  vi.restoreAllMocks();
});
