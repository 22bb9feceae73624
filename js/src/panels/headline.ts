import type { Store } from "../state/store.ts";
import type { Lens } from "../state/view-options.ts";
import { element, setAttribute, setHidden, setText } from "../util/dom.ts";
import { formatCount, formatMeasured, formatShare } from "../util/format.ts";
import { lookOf } from "../util/state-look.ts";

/** The headline: what is the matter, and the figures of the whole step. */
export class Strip {
  readonly node: HTMLElement;
  readonly #mark = element("span", { class: "gw-mark", "aria-hidden": "true" });
  readonly #verdict = element("span");
  readonly #figures = element("dl", { class: "gw-figures" });
  readonly #live = element("button", { type: "button", class: "gw-live", text: "Live" });
  readonly #lens: Lens;
  readonly #values = new Map<string, { value: HTMLElement; title: HTMLElement }>();

  constructor(lens: Lens) {
    this.#lens = lens;
    this.#live.addEventListener("click", () => lens.change({ cursor: null }));
    const verdict = element(
      "div",
      { class: "gw-verdict", role: "status" },
      this.#mark,
      this.#verdict,
    );
    this.node = element("div", { class: "gw-strip" }, verdict, this.#figures, this.#live);
  }

  update(store: Store): void {
    const { status, scalars } = store;
    const { cursor } = this.#lens.look;
    const look = lookOf(status.state);
    setText(this.#mark, look.mark);
    this.#mark.style.color = look.colour;
    setText(this.#verdict, status.verdict);
    setAttribute(this.node, "data-state", status.state);
    setAttribute(this.#live, "aria-pressed", String(cursor === null));
    const column = cursor === null ? scalars.count - 1 : scalars.at(cursor);
    const at = (name: string): number => lastOf(scalars.track(name)?.value, column);
    const step = cursor ?? status.step;
    const loss = at("loss");
    const trend = cursor === null && Number.isFinite(loss) ? (status.trend ?? "") : "";
    this.#figure(
      cursor === null ? "step" : "step looked at",
      step === null ? "" : formatCount(step),
      "step",
    );
    this.#figure("loss", `${figureOr(loss)} ${trend}`.trim());
    this.#figure("total norm", figureOr(at("total_grad_norm")));
    this.#figure("learning rate", figureOr(at("lr")));
    this.#figure(
      `cost${samplingWords(status.sampling)}`,
      status.overhead === null ? "" : formatShare(status.overhead),
      "cost",
    );
    this.#figure("watching", status.closed ? "ended" : "");
  }

  /** Shows a figure under its title; an empty one is left out. */
  #figure(title: string, value: string, key = title): void {
    let figure = this.#values.get(key);
    if (figure === undefined) {
      figure = { title: element("dt"), value: element("dd") };
      this.#values.set(key, figure);
      this.#figures.append(element("div", {}, figure.title, figure.value));
    }
    setText(figure.title, title);
    setText(figure.value, value);
    setHidden(figure.value.parentElement as HTMLElement, value === "");
  }
}

/** The newest figure at or before a column. */
function lastOf(values: Float32Array | undefined, from: number): number {
  for (let column = from; values !== undefined && column >= 0; column--) {
    const value = values[column] as number;
    if (!Number.isNaN(value)) return value;
  }
  return Number.NaN;
}

function figureOr(value: number): string {
  return Number.isNaN(value) ? "" : formatMeasured(value);
}

function samplingWords(sampling: number | null): string {
  if (sampling === null) return "";
  return sampling < 1.05 ? ", every step" : `, 1 step in ${formatCount(sampling)}`;
}
