import type { Sizes } from "../../util/sizes.ts";

/** Pixels above and below the contents of head and foot together. */
const PADDING = 21;

/** What of the rows is in sight, as places among them: 2.5 is the middle of the third. */
export class Sight {
  /** Whether the reader has moved the rows. */
  isTouched = false;
  /** Pixels that the rows are scrolled by: to ask the page each time would force a new layout. */
  #scrolled = 0;
  readonly #scroll: HTMLElement;
  readonly #edges: HTMLElement[];
  readonly #sizes: Sizes;

  /** `edges` stay in sight above and below the rows; `moved` is called as the rows move. */
  constructor(scroll: HTMLElement, edges: HTMLElement[], sizes: Sizes, moved: () => void) {
    this.#scroll = scroll;
    this.#edges = edges;
    this.#sizes = sizes;
    scroll.addEventListener("scroll", () => {
      this.#scrolled = scroll.scrollTop;
      moved();
    });
    const touch = (): void => {
      this.isTouched = true;
    };
    for (const event of ["wheel", "pointerdown", "keydown"])
      scroll.addEventListener(event, touch, { passive: true });
  }

  /** Whether the page has laid it out. */
  get isKnown(): boolean {
    return this.#sizes.of(this.#scroll).height > 0;
  }

  /** Pixels that head and foot take. */
  get edges(): number {
    return this.#edges.reduce((sum, edge) => sum + this.#sizes.of(edge).height, PADDING);
  }

  /** Pixels in which rows are seen. */
  get room(): number {
    return this.#sizes.of(this.#scroll).height - this.edges;
  }

  /** The first and the last place in sight, of rows that are `each` pixels high. */
  range(each: number): [number, number] {
    return [this.#scrolled / each, (this.#scrolled + this.room - 1) / each];
  }

  /** Scrolls so that a place is about in the middle, and the first row in sight is whole. */
  center(place: number, each: number): void {
    const first = Math.max(0, Math.round(place - this.room / each / 2));
    this.#scroll.scrollTop = first * each;
  }
}
