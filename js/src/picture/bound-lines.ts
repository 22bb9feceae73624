import type { BoundInfo } from "../protocol/messages.gen.ts";
import { lookOf } from "../protocol/state-look.ts";
import { element } from "../util/dom.ts";
import { memo } from "../util/redraw.ts";
import { place, type Scale } from "../util/scale.ts";

/** A dashed line over the bars at each bound of a rule that is within the axis. */
export class BoundLines {
  readonly node = element("div", { class: "gw-bound-lines" });
  readonly #redraw = memo<string>();

  update(bounds: BoundInfo[], scale: Scale): void {
    const styles = bounds
      .filter(({ value }) => value > scale.low && value < scale.high)
      .map(({ value, state }) => {
        const left = (100 * place(scale, value)).toFixed(2);
        return `left:${left}%;--gw-state:${lookOf(state).color}`;
      });
    this.#redraw(styles.join(), () => {
      this.node.replaceChildren(...styles.map((style) => element("i", { style })));
    });
  }
}
