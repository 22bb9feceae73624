import type { BoundInfo } from "../protocol/messages.gen.ts";
import { element } from "../util/dom.ts";
import { place, type Scale } from "../util/scale.ts";
import { lookOf } from "../util/state-look.ts";

/** A dashed line over the bars where a rule has a bound on the metric shown; none beyond the ends of the axis. */
export class Bounds {
  readonly node = element("div", { class: "gw-bounds" });
  #drawn = "";

  update(bounds: BoundInfo[], scale: Scale): void {
    const lines = bounds
      .filter(({ value }) => value > scale.low && value < scale.high)
      .map(
        ({ value, state }) =>
          `left:${(100 * place(scale, value)).toFixed(2)}%;--gw-state:${lookOf(state).colour}`,
      );
    const drawn = lines.join();
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.node.replaceChildren(...lines.map((style) => element("i", { style })));
  }
}
