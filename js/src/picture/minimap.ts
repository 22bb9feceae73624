import { isAlarming, worstOf } from "../derive/story/states-at.ts";
import { lookOf } from "../protocol/state-look.ts";
import { element, setHidden } from "../util/dom.ts";
import { memo } from "../util/redraw.ts";

/** The layers whose rows are in sight, from the first to behind the last. */
export interface Sight {
  from: number;
  to: number;
}

/** The whole network beside its rows, a line for each layer in the color of its state. */
export class Minimap {
  readonly node = element("div", { class: "gw-minimap", "aria-hidden": "true", hidden: "" });
  readonly #sight = element("i");
  readonly #draw = memo<string>();
  #count = 0;

  /** `jump` is told the layer that a reader points at. */
  constructor(jump: (layer: number) => void) {
    this.node.append(this.#sight);
    const point = (event: PointerEvent): void => {
      const { top, height } = this.node.getBoundingClientRect();
      const layer = Math.floor(((event.clientY - top) / height) * this.#count);
      jump(Math.min(this.#count - 1, Math.max(0, layer)));
    };
    this.node.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.node.setPointerCapture(event.pointerId);
      point(event);
    });
    this.node.addEventListener("pointermove", (event) => {
      if (this.node.hasPointerCapture(event.pointerId)) point(event);
    });
  }

  /** Shows the states of all layers in this many pixels; in none, nothing is shown. */
  update(states: string[], height: number): void {
    this.#count = states.length;
    setHidden(this.node, height <= 0);
    if (height <= 0) return;
    this.#draw(`${height} ${states.join()}`, () => {
      this.node.style.height = `${height}px`;
      this.node.style.background = `linear-gradient(${stripesOf(states, height).join()})`;
    });
  }

  /** Frames the layers that are in sight. */
  frame({ from, to }: Sight): void {
    const share = (layer: number): string => `${((100 * layer) / this.#count).toFixed(2)}%`;
    this.#sight.style.top = share(from);
    this.#sight.style.height = share(to - from);
  }
}

/** The stops of a gradient with one stripe per run of equal pixels; the most alarming layer counts. */
export function stripesOf(states: string[], height: number): string[] {
  const pixels = Array.from({ length: height }, (_, y) => {
    const from = Math.floor((y * states.length) / height);
    const to = Math.ceil(((y + 1) * states.length) / height);
    return worstOf(states.slice(from, to));
  });
  const stripes: string[] = [];
  let start = 0;
  for (let y = 1; y <= height; y++) {
    if (pixels[y] === pixels[start]) continue;
    stripes.push(`${colorOf(pixels[start] as string)} ${start}px ${y}px`);
    start = y;
  }
  return stripes;
}

/** What is well stands back, so that a single line that is not can be seen. */
function colorOf(state: string): string {
  const { color } = lookOf(state);
  return isAlarming(state) ? color : `color-mix(in srgb, ${color} 40%, var(--gw-bg))`;
}
