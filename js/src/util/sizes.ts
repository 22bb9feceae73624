/** Width and height in whole pixels, without padding; both 0 where nothing is known or the element is out of sight. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const UNKNOWN: Size = { width: 0, height: 0 };

/**
 * The sizes of elements as the page last laid them out. Asking an element itself would have the page lay everything out
 * anew each time, since something was changed a moment before.
 */
export class Sizes {
  readonly #known = new WeakMap<Element, Size>();
  readonly #observer: ResizeObserver;

  /** Calls `changed` after the page has been laid out with any of the sizes asked for changed. */
  constructor(changed: () => void) {
    this.#observer = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) {
        this.#known.set(target, {
          width: Math.round(contentRect.width),
          height: Math.round(contentRect.height),
        });
      }
      changed();
    });
  }

  /** The size of an element, which is watched from now on. */
  of(element: Element): Size {
    const known = this.#known.get(element);
    if (known !== undefined) return known;
    this.#known.set(element, UNKNOWN);
    this.#observer.observe(element);
    return UNKNOWN;
  }

  end(): void {
    this.#observer.disconnect();
  }
}
