import type { MetricInfo } from "../protocol/messages.gen.ts";
import type { ViewOptions } from "../state/view-options.ts";
import { element } from "../util/dom.ts";
import { memo } from "../util/redraw.ts";

/** The choice of the metric that bars and heatmap show, from those that the run has measured. */
export class MetricMenu {
  readonly node = element("select", { class: "gw-metric", "aria-label": "Metric" });
  readonly #list = memo<string>();

  constructor(options: ViewOptions) {
    this.node.addEventListener("change", () => options.choose(this.node.value));
  }

  update(metrics: MetricInfo[], shown: MetricInfo): void {
    this.#list(metrics.map(({ name }) => name).join(), () => {
      const known = metrics.length > 0 ? metrics : [shown];
      const entries = known.map(({ name, title }) =>
        element("option", { value: name, text: title }),
      );
      this.node.replaceChildren(...entries);
    });
    if (this.node.value !== shown.name) this.node.value = shown.name;
  }
}
