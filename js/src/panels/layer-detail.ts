import { fittedHeight, outline } from "../derive/outline.ts";
import { reasonsFor } from "../derive/reasons.ts";
import { titleOf } from "../derive/story/layer-title.ts";
import { statesAt } from "../derive/story/states-at.ts";
import type { TimeAxis } from "../derive/time-axis.ts";
import { valuesAt } from "../derive/values-at.ts";
import type { LayerInfo, MetricInfo } from "../protocol/messages.gen.ts";
import { lookOf } from "../protocol/state-look.ts";
import type { Inspector } from "../state/inspector.ts";
import type { Store } from "../state/store.ts";
import type { ViewOptions } from "../state/view-options.ts";
import { element, setAttribute, setHidden, setText } from "../util/dom.ts";
import { formatCount, formatMeasured, formatShare } from "../util/format.ts";
import { memo } from "../util/redraw.ts";
import { svgElement } from "../util/svg.ts";
import { Inspection } from "./inspection.ts";

const WIDTH = 84;
const HEIGHT = 20;

/** A metric's line: its title, its value, and its course over the steps. */
interface MetricLine {
  title: HTMLElement;
  row: HTMLElement;
  value: HTMLElement;
  path: SVGPathElement;
}

/** One layer: what it is, its inspection, and every metric over time. */
export class LayerDetail {
  readonly node = element("section", {
    class: "gw-detail",
    hidden: "",
    "aria-label": "Layer detail",
  });
  readonly #title = element("h2");
  readonly #facts = element("p");
  readonly #reason = element("p", { class: "gw-reason", hidden: "" });
  readonly #inspection = new Inspection();
  readonly #list = element("dl");
  readonly #inspector: Inspector | null;
  readonly #listMetrics = memo<string>();
  #lines: MetricLine[] = [];

  constructor(options: ViewOptions, inspector: Inspector | null) {
    this.#inspector = inspector;
    const close = element("button", { type: "button", text: "Close" });
    close.addEventListener("click", () => options.change({ opened: null }));
    const head = element("div", { class: "gw-detail-head" }, this.#title, close);
    this.node.append(head, this.#facts, this.#reason);
    if (inspector !== null) this.node.append(this.#inspection.node);
    this.node.append(this.#list);
  }

  update(store: Store, options: ViewOptions, axis: TimeAxis): void {
    const { opened, cursor } = options.choices;
    const layer = store.layers.findIndex(({ name }) => name === opened);
    const info = store.layers[layer];
    setHidden(this.node, info === undefined);
    if (info === undefined) return;
    const look = lookOf(statesAt(store, cursor)[layer] ?? "");
    setText(this.#title, `${look.mark} ${titleOf(info)}`);
    const calls =
      this.#inspector === null ? null : this.#inspection.update(info.name, this.#inspector);
    setText(this.#facts, `${look.word} · ${factsOf(info, calls)}`);
    // A reason is that of the newest step; of an earlier step none is known.
    const [reason = ""] = cursor === null ? reasonsFor([info.name], store.reasons) : [];
    setText(this.#reason, reason);
    setHidden(this.#reason, reason === "");
    this.#updateMetrics(store, layer, store.samples.at(cursor), axis);
  }

  #updateMetrics({ metrics, samples }: Store, layer: number, column: number, axis: TimeAxis): void {
    this.#listMetrics(metrics.map(({ name }) => name).join(), () => {
      this.#lines = metrics.map(newLine);
      this.#list.replaceChildren(...this.#lines.flatMap(({ title, row }) => [title, row]));
    });
    metrics.forEach(({ name, scale }, i) => {
      const { value, path } = this.#lines[i] as MetricLine;
      const measured = valuesAt(samples, name, column).values[layer] as number;
      const text = scale === "share" ? formatShare(measured) : formatMeasured(measured);
      setText(value, Number.isNaN(measured) ? "–" : text);
      const height = fittedHeight(samples, [name], scale === "log", 1, HEIGHT - 1, layer);
      setAttribute(path, "d", outline(samples, name, axis, WIDTH, height, layer));
    });
  }
}

function factsOf(
  { kind, activation, shapes, parameters }: LayerInfo,
  calls: number | null,
): string {
  const follows = activation === null ? "" : `, followed by ${activation}`;
  const facts = [`${kind}${follows}`, shapes.join(", "), `${formatCount(parameters)} parameters`];
  if (calls !== null) {
    facts.push(`runs ${calls === 1 ? "once" : `${formatCount(calls)} times`} per step`);
  }
  return facts.join(" · ");
}

function newLine(metric: MetricInfo): MetricLine {
  const svg = svgElement("svg");
  svg.setAttribute("width", String(WIDTH));
  svg.setAttribute("height", String(HEIGHT));
  svg.setAttribute("aria-hidden", "true");
  const path = svgElement("path");
  svg.append(path);
  const value = element("span");
  return {
    title: element("dt", { text: metric.title }),
    row: element("dd", {}, value, svg),
    value,
    path,
  };
}
