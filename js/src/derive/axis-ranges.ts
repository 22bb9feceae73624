import type { MetricInfo } from "../protocol/messages.gen.ts";
import type { Store } from "../state/store.ts";
import type { Scale } from "../util/scale.ts";
import { LogRange } from "./log-range.ts";

/** Milliseconds for which the scale of the heatmap is reused at least. */
const KEPT = 1000;

interface HeatmapRange {
  range: LogRange;
  scale: Scale;
  version: number;
  until: number;
}

/** The axes of bars and heatmap, one pair per metric: a switch back to a metric finds its own. */
export class AxisRanges {
  readonly #bars = new Map<string, LogRange>();
  readonly #heatmap = new Map<string, HeatmapRange>();

  /** The axis of the bars for the values now shown. */
  bars(metric: MetricInfo, values: number[]): Scale {
    if (metric.scale !== "log") return linear(metric, values);
    let range = this.#bars.get(metric.name);
    if (range === undefined) {
      range = new LogRange();
      this.#bars.set(metric.name, range);
    }
    return range.update(values);
  }

  /** The color scale for everything in the history. */
  heatmap(metric: MetricInfo, { samples, version }: Store): Scale {
    const now = performance.now();
    const kept = this.#heatmap.get(metric.name);
    if (kept !== undefined && (now < kept.until || version === kept.version)) return kept.scale;
    const history = samples.history(metric.name);
    const size = samples.count * samples.width;
    const extremes: number[] = [];
    if (history !== undefined) {
      extremes.push(...extremesOf(history.low.subarray(0, size)));
      extremes.push(...extremesOf(history.high.subarray(0, size)));
    }
    const range = kept?.range ?? new LogRange(0);
    const scale = metric.scale === "log" ? range.update(extremes) : linear(metric, extremes);
    this.#heatmap.set(metric.name, { range, scale, version, until: now + KEPT });
    return scale;
  }
}

function linear(metric: MetricInfo, values: number[]): Scale {
  if (metric.scale === "share" || metric.scale === "flag")
    return { kind: "linear", low: 0, high: 1 };
  const most = values.reduce(
    (top, value) => (Number.isFinite(value) && value > top ? value : top),
    1,
  );
  return { kind: "linear", low: 0, high: 10 ** Math.ceil(Math.log10(most)) };
}

/** The least and the greatest finite number above zero. */
function extremesOf(values: Float32Array): [number, number] {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const value of values) {
    if (value > 0 && value < least) least = value;
    if (value > most && value < Number.POSITIVE_INFINITY) most = value;
  }
  return [least, most];
}
