import type { MetricInfo } from "../protocol/messages.gen.ts";
import type { Store } from "../state/store.ts";
import type { Scale } from "../util/scale.ts";
import { LogDomain } from "./log-range.ts";

/** Milliseconds for which the extremes of the whole history are kept at least. */
const KEPT = 1000;

/** The axes of bars and heatmap, one pair a metric, so that switching to and fro changes none. */
export class Domains {
  readonly #bars = new Map<string, LogDomain>();
  readonly #heat = new Map<
    string,
    { domain: LogDomain; scale: Scale; version: number; until: number }
  >();

  /** The axis of the bars for the values now shown. */
  bars(metric: MetricInfo, values: number[]): Scale {
    if (metric.scale !== "log") return linear(metric, values);
    let domain = this.#bars.get(metric.name);
    if (domain === undefined) {
      domain = new LogDomain();
      this.#bars.set(metric.name, domain);
    }
    return domain.update(values);
  }

  /** The colour scale for everything in the history. */
  heat(metric: MetricInfo, { samples, version }: Store): Scale {
    const now = performance.now();
    let kept = this.#heat.get(metric.name);
    if (kept !== undefined && (now < kept.until || version === kept.version)) return kept.scale;
    const track = samples.track(metric.name);
    const size = samples.count * samples.width;
    const parts =
      track === undefined ? [] : [track.low.subarray(0, size), track.high.subarray(0, size)];
    const domain = kept?.domain ?? new LogDomain(0);
    const extremes = parts.flatMap((part) => [...extremesOf(part)]);
    const scale = metric.scale === "log" ? domain.update(extremes) : linear(metric, extremes);
    kept = { domain, scale, version, until: now + KEPT };
    this.#heat.set(metric.name, kept);
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

/** Least and greatest number above zero. */
function extremesOf(values: Float32Array): [number, number] {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const value of values) {
    if (value > 0 && value < least) least = value;
    if (value > most && value < Number.POSITIVE_INFINITY) most = value;
  }
  return [least, most];
}
