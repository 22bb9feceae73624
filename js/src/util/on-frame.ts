/** Calls `draw` once before the next frame of the page however often it is asked; a hidden tab draws nothing. */
export function onFrame(draw: () => void): { request: () => void; cancel: () => void } {
  let handle: number | null = null;
  return {
    request() {
      handle ??= requestAnimationFrame(() => {
        handle = null;
        draw();
      });
    },
    cancel() {
      if (handle !== null) cancelAnimationFrame(handle);
      handle = null;
    },
  };
}
