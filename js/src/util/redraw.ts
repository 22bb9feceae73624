/** Asks for a drawing. */
export interface Redraw {
  /** As soon as the running code ends; if that was done since the last frame, in the next one. */
  soon(): void;
  /** In the next frame. */
  later(): void;
  cancel(): void;
}

/**
 * Draws once, however often it is asked to. A hidden tab has no frames, so little is drawn in vain.
 *
 * It draws before the next frame rather than in it: what bqplot then defers to the next frame, the
 * length of the bars, comes in the same one, and the page is laid out and painted once, not twice.
 */
export function redraw(draw: () => void): Redraw {
  let frame: number | null = null;
  let wanted = false;
  const run = (): void => {
    if (!wanted) return;
    wanted = false;
    frame = requestAnimationFrame(next);
    draw();
  };
  const next = (): void => {
    frame = null;
    run();
  };
  return {
    soon() {
      if (!wanted && frame === null) queueMicrotask(run);
      wanted = true;
    },
    later() {
      wanted = true;
      frame ??= requestAnimationFrame(next);
    },
    cancel() {
      wanted = false;
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
