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
  const rest = new Rest(SHARE, SHORTEST, LONGEST);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = (): void => {
    if (!wanted) return;
    wanted = false;
    clearTimeout(timer);
    frame = requestAnimationFrame(next);
    rest.after(draw);
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
      const { left } = rest;
      if (left > 0) timer = setTimeout(soon, left);
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

/** Leaves most of the time to others: after work that took long, the next has to wait. */
export class Rest {
  readonly #share: number;
  readonly #shortest: number;
  readonly #longest: number;
  #until = 0;

  /**
   * `share` is that of the time which the work may take. In milliseconds, rests are never longer
   * than `longest`, and those shorter than `shortest` are left out.
   */
  constructor(share: number, shortest = 0, longest = Number.POSITIVE_INFINITY) {
    this.#share = share;
    this.#shortest = shortest;
    this.#longest = longest;
  }

  /** The milliseconds to wait before the next work; 0 or less where it may begin. */
  get left(): number {
    return this.#until - performance.now();
  }

  /** Does the work, and takes the time. */
  after(work: () => void): void {
    const began = performance.now();
    work();
    const ended = performance.now();
    const rest = (ended - began) * (1 / this.#share - 1);
    this.#until = rest < this.#shortest ? 0 : ended + Math.min(rest, this.#longest);
  }
}
