import type { MetricInfo } from "../protocol/messages.gen.ts";
import type { Lens } from "../state/view-options.ts";
import { element } from "../util/dom.ts";

/** The metric that bars and heatmap show, to choose from those that the run has measured. */
export class MetricMenu {
  readonly node = element("select", { class: "gw-metric", "aria-label": "Metric" });
  #listed = "";

  constructor(lens: Lens) {
    this.node.addEventListener("change", () => lens.change({ metric: this.node.value }));
  }

  update(metrics: MetricInfo[], shown: MetricInfo): void {
    const listed = metrics.map((metric) => metric.name).join();
    if (listed !== this.#listed) {
      this.#listed = listed;
      const known = metrics.length > 0 ? metrics : [shown];
      this.node.replaceChildren(
        ...known.map(({ name, title, scale }) =>
          element("option", { value: name, text: scale === "log" ? `${title} (log)` : title }),
        ),
      );
    }
    if (this.node.value !== shown.name) this.node.value = shown.name;
  }
}
