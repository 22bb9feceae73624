import { FURTHER_RATE } from "../../derive/bands.ts";
import { lookOf } from "../../protocol/state-look.ts";
import type { Store } from "../../state/store.ts";
import type { ViewOptions } from "../../state/view-options.ts";
import { element, setAttribute, setText } from "../../util/dom.ts";
import { formatCount, formatMeasured, formatShare } from "../../util/format.ts";
import { Values } from "./values.ts";

/** The verdict on the run, and the scalars of the step shown. */
export class Headline {
  /** What is always in sight: the verdict, whose it is, the step and its loss. */
  readonly node: HTMLElement;
  /** The way back to the newest step. */
  readonly live = element("button", { type: "button", class: "gw-live", text: "Live" });
  /** All other figures. */
  readonly more = new Values();
  readonly #mark = element("span", { class: "gw-mark", "aria-hidden": "true" });
  readonly #verdict = element("span");
  readonly #model = element("span", { class: "gw-model" });
  readonly #values = new Values();
  readonly #options: ViewOptions;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.live.addEventListener("click", () => options.change({ cursor: null }));
    this.node = element(
      "div",
      { class: "gw-headline" },
      element("div", { class: "gw-verdict", role: "status" }, this.#mark, this.#verdict),
      this.#model,
      this.#values.node,
    );
  }

  /** `isOver`: nothing more comes, so that what is newest is not live. */
  update(store: Store, isOver = false): void {
    const { status, scalars } = store;
    const { cursor } = this.#options.choices;
    const look = lookOf(status.state);
    setText(this.#mark, look.mark);
    this.#mark.style.color = look.color;
    setText(this.#verdict, status.verdict);
    setAttribute(this.#verdict, "title", status.verdict);
    setText(this.#model, store.model);
    setAttribute(this.node, "data-state", status.state);
    setText(this.live, isOver ? "Newest" : "Live");
    setAttribute(this.live, "aria-pressed", String(cursor === null));
    this.live.classList.toggle("gw-follows", cursor === null && !isOver);
    const column = scalars.at(cursor);
    const at = (name: string): number => newestOf(scalars.history(name)?.value, column);
    const step = cursor ?? status.step;
    const loss = at("loss");
    const trend = cursor === null && Number.isFinite(loss) ? (status.trend ?? "") : "";
    const stepTitle = cursor === null ? "step" : "step shown";
    const end = status.closed && cursor === null ? "ended" : "";
    this.#values.show(stepTitle, step === null ? "" : formatCount(step), "step", end);
    this.#values.show("loss", measuredOrEmpty(loss), "loss", trend);
    this.more.show("total norm", measuredOrEmpty(at("total_grad_norm")));
    const further = scalars.names.filter((name) => name.startsWith(FURTHER_RATE)).sort();
    this.more.show("learning rate", ratesWords(at("lr"), further, at));
    const cost = costWords(status.overhead, at("spent"));
    this.more.show(`cost${samplingWords(status.sampling)}`, cost, "cost");
  }
}

/** The newest value at or before a column. */
function newestOf(values: Float32Array | undefined, from: number): number {
  for (let column = from; values !== undefined && column >= 0; column--) {
    const value = values[column] as number;
    if (!Number.isNaN(value)) return value;
  }
  return Number.NaN;
}

function measuredOrEmpty(value: number): string {
  return Number.isNaN(value) ? "" : formatMeasured(value);
}

/** The rate, and those of other optimizers and groups by their names. */
function ratesWords(first: number, further: string[], at: (name: string) => number): string {
  const others = further.map(
    (name) => `${name.slice(FURTHER_RATE.length)} ${measuredOrEmpty(at(name))}`,
  );
  return [measuredOrEmpty(first), ...others].join(" · ");
}

/** The share once it is steady, the seconds so far until then. */
function costWords(share: number | null, spent: number): string {
  if (share !== null) return formatShare(share);
  return Number.isFinite(spent) ? `${spent.toFixed(1)} s` : "";
}

function samplingWords(sampling: number | null): string {
  if (sampling === null) return "";
  return sampling < 1.05 ? ", every step" : `, 1 step in ${formatCount(sampling)}`;
}
