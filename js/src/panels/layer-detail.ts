import { outline } from "../derive/outline.ts";
import { reasonsFor } from "../derive/reasons.ts";
import { statesAt } from "../derive/states-at.ts";
import type { Span } from "../derive/time-axis.ts";
import { readingAt } from "../derive/values-at.ts";
import type { MetricInfo } from "../protocol/messages.gen.ts";
import type { Inspector } from "../state/inspector.ts";
import type { Store } from "../state/store.ts";
import type { Lens } from "../state/view-options.ts";
import { element, setHidden, setText } from "../util/dom.ts";
import { formatCount, formatMeasured, formatShare } from "../util/format.ts";
import { lookOf } from "../util/state-look.ts";
import { SVG } from "../util/svg.ts";
import { Inspection } from "./inspection.ts";

const WIDTH = 84;
const HEIGHT = 20;

/** One layer's story: what it is, a close look at it, and every metric over time. */
export class Detail {
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
  #shown = "";

  constructor(lens: Lens, inspector: Inspector | null) {
    this.#inspector = inspector;
    const close = element("button", { type: "button", text: "Close" });
    close.addEventListener("click", () => lens.change({ opened: null }));
    const head = element("div", { class: "gw-detail-head" }, this.#title, close);
    this.node.append(head, this.#facts, this.#reason, this.#inspection.node, this.#list);
  }

  update(store: Store, lens: Lens, span: Span): void {
    const { opened, cursor } = lens.look;
    const layer = store.layers.findIndex(({ name }) => name === opened);
    const info = store.layers[layer];
    setHidden(this.node, info === undefined);
    if (info === undefined) return;
    const look = lookOf(statesAt(store, cursor)[layer] ?? "");
    setText(this.#title, `${look.mark} ${info.name}`);
    const calls = this.#inspection.update(info.name, this.#inspector);
    const runs =
      calls === null
        ? ""
        : ` · runs ${calls === 1 ? "once" : `${formatCount(calls)} times`} a step`;
    const follows = info.activation === null ? "" : `, followed by ${info.activation}`;
    setText(
      this.#facts,
      `${look.word} · ${info.kind}${follows} · ${info.shapes.join(", ")} · ${formatCount(info.parameters)} parameters${runs}`,
    );
    // A reason is that of the newest step; of a step of the past none is known.
    const [reason = ""] = cursor === null ? reasonsFor([info.name], store.reasons) : [];
    setText(this.#reason, reason);
    setHidden(this.#reason, reason === "");
    const key = `${info.name} ${store.metrics.map(({ name }) => name).join()}`;
    if (key !== this.#shown) {
      this.#shown = key;
      this.#list.replaceChildren(...store.metrics.flatMap(rowOf));
    }
    const { samples } = store;
    const column = cursor === null ? samples.count - 1 : samples.at(cursor);
    store.metrics.forEach((metric, i) => {
      const [value, path] = (this.#list.children[2 * i + 1] as Element).children;
      const figure = readingAt(samples, metric.name, column).values[layer] as number;
      setText(
        value as Element,
        Number.isNaN(figure)
          ? "–"
          : metric.scale === "share"
            ? formatShare(figure)
            : formatMeasured(figure),
      );
      path?.firstElementChild?.setAttribute("d", sparkline(store, metric, layer, span));
    });
  }
}

function rowOf({ title }: MetricInfo): Element[] {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("width", String(WIDTH));
  svg.setAttribute("height", String(HEIGHT));
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "path"));
  return [
    element("dt", { text: title }),
    element("dd", {}, element("span"), svg as unknown as Node),
  ];
}

function sparkline(
  { samples }: Store,
  { name, scale }: MetricInfo,
  layer: number,
  span: Span,
): string {
  const track = samples.track(name);
  if (track === undefined) return "";
  const scaled = (value: number): number => {
    if (!Number.isFinite(value) || (scale === "log" && value <= 0)) return Number.NaN;
    return scale === "log" ? Math.log10(value) : value;
  };
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let column = 0; column < samples.count; column++) {
    const at = column * samples.width + layer;
    const [low, high] = [scaled(track.low[at] as number), scaled(track.high[at] as number)];
    if (low < least) least = low;
    if (high > most) most = high;
  }
  const height = (value: number): number => {
    const at = scaled(value);
    return most > least
      ? 1 + (HEIGHT - 2) * (1 - (at - least) / (most - least))
      : at + HEIGHT / 2 - at;
  };
  return outline(samples, name, span, WIDTH, height, layer);
}
