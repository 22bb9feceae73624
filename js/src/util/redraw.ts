/** Asks for a drawing. */
export interface Redraw {
  /** As soon as the running code ends; if that was done since the last frame, in the next one. */
  soon(): void;
  /** In the next frame. */
  later(): void;
  /** Soon; not before drawing has taken no more than its share of the time. */
  inTurn(): void;
  cancel(): void;
}

/** The share of the time that drawing in turn may take; laying out and painting take as long again. */
const SHARE = 1 / 8;
/** Milliseconds to wait at most; and the shortest wait that is worth one, about that of a frame. */
const LONGEST = 250;
const SHORTEST = 20;

/**
 * Draws once, however often it is asked to. A hidden tab has no frames, so little is drawn in vain.
 *
 * It draws before the next frame rather than in it: what bqplot then defers to the next frame, the
 * length of the bars, comes in the same one, and the page is laid out and painted once, not twice.
 */
export function redraw(draw: () => void): Redraw {
  let frame: number | null = null;
  let wanted = false;
  let restUntil = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = (): void => {
    if (!wanted) return;
    wanted = false;
    clearTimeout(timer);
    frame = requestAnimationFrame(next);
    const began = performance.now();
    draw();
    const ended = performance.now();
    const rest = (ended - began) * (1 / SHARE - 1);
    restUntil = rest < SHORTEST ? 0 : ended + Math.min(rest, LONGEST);
  };
  const next = (): void => {
    frame = null;
    run();
  };
  const soon = (): void => {
    if (!wanted && frame === null) queueMicrotask(run);
    wanted = true;
  };
  return {
    soon,
    later() {
      wanted = true;
      frame ??= requestAnimationFrame(next);
    },
    inTurn() {
      clearTimeout(timer);
      const wait = restUntil - performance.now();
      if (wait > 0) timer = setTimeout(soon, wait);
      else soon();
    },
    cancel() {
      wanted = false;
      clearTimeout(timer);
      if (frame !== null) cancelAnimationFrame(frame);
    },
  };
}

/**
 * A function that draws only where `key` differs from the last time: work on the page costs far
 * more than a comparison.
 */
export function memo<Key>(): (key: Key, draw: () => void) => void {
  let drawn: Key | undefined;
  return (key, draw) => {
    if (key === drawn) return;
    drawn = key;
    draw();
  };
}
