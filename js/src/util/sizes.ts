/** Width and height in whole pixels, without padding; 0 where unknown or out of sight. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const UNKNOWN: Size = { width: 0, height: 0 };

/**
 * The sizes of elements as the page last laid them out. Asking the element itself would force a new
 * layout each time, since something was changed a moment before.
 */
export class Sizes {
  readonly #known = new WeakMap<Element, Size>();
  readonly #observer: ResizeObserver;

  /** Calls `changed` after a layout in which one of the sizes asked for has changed. */
  constructor(changed: () => void) {
    this.#observer = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) {
        const { width, height } = contentRect;
        this.#known.set(target, { width: Math.round(width), height: Math.round(height) });
      }
      changed();
    });
  }

  /** The size of an element, which is observed from now on. */
  of(element: Element): Size {
    const known = this.#known.get(element);
    if (known !== undefined) return known;
    this.#known.set(element, UNKNOWN);
    this.#observer.observe(element);
    return UNKNOWN;
  }

  disconnect(): void {
    this.#observer.disconnect();
  }
}
