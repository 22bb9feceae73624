import type { AnyModel } from "@anywidget/types";
import { place, type Scale } from "../util/scale.ts";
import type { Bars } from "./bars.ts";

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
export class BqplotBars implements Bars {
  readonly #manager: Manager;
  readonly #reference: string;
  #models: Promise<[ChartModel, ChartModel]> | null = null;
  #view: ChartView | null = null;

  constructor(model: AnyModel, trait: string) {
    this.#manager = model.widget_manager as unknown as Manager;
    this.#reference = model.get(trait);
  }

  async attach(el: HTMLElement): Promise<void> {
    const figure = await this.#manager.get_model(this.#reference.replace(PREFIX, ""));
    const [bars] = figure.get("marks") as ChartModel[];
    if (bars === undefined) throw new Error("the figure has no bars");
    const scales = bars.get("scales") as { y: ChartModel };
    this.#models = Promise.resolve([bars, scales.y]);
    this.#view = await this.#manager.create_view(figure);
    const widget = this.#view.luminoWidget ?? this.#view.pWidget;
    if (widget === undefined)
      throw new Error("this version of ipywidgets has no lumino widget to attach");
    (widget.constructor as LuminoClass).attach(widget, el);
  }

  draw(values: ArrayLike<number>, colors: string[], scale: Scale): void {
    this.#models?.then(([bars, axis]) => {
      drawInto(bars, axis, values, colors, scale);
      this.#removeEmptyGroups();
    });
  }

  /** With each drawing bqplot removes the line at zero, but leaves an empty group behind. */
  #removeEmptyGroups(): void {
    const marks = this.#view?.el.querySelector(".zeroLine")?.parentElement?.parentElement;
    for (const group of marks?.querySelectorAll(":scope > g:empty") ?? []) group.remove();
  }

  remove(): void {
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
