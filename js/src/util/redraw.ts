/** Asks for a drawing. */
export interface Redraw {
  /** As soon as the running code has ended; where that was done since the last frame already, in the next one. */
  soon(): void;
  /** In the next frame. */
  later(): void;
  cancel(): void;
}

/**
 * Makes a drawing however often it is asked for. A hidden tab has no frames, so that little is drawn in vain.
 *
 * It is made before the next frame rather than in it: what bqplot then puts off to the next frame, the bars' lengths,
 * comes in the same one, and the page is laid out and painted once instead of twice.
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
