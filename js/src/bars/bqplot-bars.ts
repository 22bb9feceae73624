import type { AnyModel } from "@anywidget/types";
import { place, type Scale } from "../util/scale.ts";
import type { LateBars } from "./live-bars.ts";

/** The part of a bqplot widget model that is used here. */
interface ChartModel {
  get(name: string): unknown;
  set(values: Record<string, unknown>): void;
}

interface ChartView {
  el: HTMLElement;
  luminoWidget?: LuminoWidget;
  pWidget?: LuminoWidget;
  remove(): void;
}

interface LuminoWidget {
  node: HTMLElement;
  constructor: unknown;
}

/** The static side of lumino's Widget: a view that is not told that it is attached never draws. */
interface LuminoClass {
  attach(widget: LuminoWidget, host: HTMLElement): void;
}

interface Manager {
  get_model(id: string): Promise<ChartModel>;
  create_view(model: ChartModel): Promise<ChartView>;
}

const PREFIX = "IPY_MODEL_";

/** The bars of a bqplot figure made by Python; values are set here, without the kernel. */
export class BqplotBars implements LateBars {
  readonly #manager: Manager | undefined;
  readonly #reference: string;
  #models: [ChartModel, ChartModel] | null = null;
  #view: ChartView | null = null;
  #isRemoved = false;
  /** How many bars were drawn last. */
  #count = -1;

  constructor(model: AnyModel, trait: string) {
    this.#manager = model.widget_manager as unknown as Manager | undefined;
    this.#reference = model.get(trait);
  }

  async attach(el: HTMLElement): Promise<void> {
    if (this.#manager === undefined) throw new Error("no other widget can be reached here");
    const figure = await this.#manager.get_model(this.#reference.replace(PREFIX, ""));
    // Where the page has no bqplot, what it has in its place has no marks.
    const [bars] = (figure.get("marks") ?? []) as ChartModel[];
    if (bars === undefined) throw new Error("the figure has no bars");
    const scales = bars.get("scales") as { y: ChartModel };
    const view = await this.#manager.create_view(figure);
    if (this.#isRemoved) return view.remove();
    this.#view = view;
    const widget = view.luminoWidget ?? view.pWidget;
    if (widget === undefined)
      throw new Error("this version of ipywidgets has no lumino widget to attach");
    (widget.constructor as LuminoClass).attach(widget, el);
    this.#models = [bars, scales.y];
  }

  whenShown(then: () => void): void {
    const el = this.#view?.el;
    if (el === undefined) return;
    const look = (): void => {
      if (el.querySelectorAll("rect.bar").length !== this.#count) return;
      observer.disconnect();
      // bqplot gives new bars their length in the next frame.
      requestAnimationFrame(() => requestAnimationFrame(then));
    };
    const observer = new MutationObserver(look);
    observer.observe(el, { childList: true, subtree: true });
    look();
  }

  draw(values: ArrayLike<number>, colors: string[], scale: Scale): void {
    if (this.#models === null) return;
    this.#count = values.length;
    drawInto(...this.#models, values, colors, scale);
    this.#removeEmptyGroups();
  }

  /** With each drawing bqplot removes the line at zero, but leaves an empty group behind. */
  #removeEmptyGroups(): void {
    const marks = this.#view?.el.querySelector(".zeroLine")?.parentElement?.parentElement;
    for (const group of marks?.querySelectorAll(":scope > g:empty") ?? []) group.remove();
  }

  remove(): void {
    this.#isRemoved = true;
    this.#view?.remove();
    this.#view = null;
  }
}

function drawInto(
  bars: ChartModel,
  axis: ChartModel,
  values: ArrayLike<number>,
  colors: string[],
  scale: Scale,
): void {
  // bqplot's scale stays a log scale; a share is drawn at the same place between 1 and 10.
  const [low, high] = scale.kind === "log" ? [scale.low, scale.high] : [1, 10];
  const ends = Array.from(values, (value) => {
    if (Number.isNaN(value)) return [low];
    return [
      scale.kind === "log" ? Math.min(Math.max(value, low), high) : 10 ** place(scale, value),
    ];
  });
  if (axis.get("min") !== low || axis.get("max") !== high) axis.set({ min: low, max: high });
  // One group with all bars side by side: were each bar its own group, each would have a transform
  // of its own, which costs the browser time in every frame.
  const changes: Record<string, unknown> = { y: ends, base: low };
  // Colors make bqplot restyle every bar.
  if (String(bars.get("colors")) !== String(colors)) changes.colors = colors;
  bars.set(changes);
}
