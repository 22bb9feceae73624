import type { LayerInspection } from "../protocol/messages.gen.ts";
import type { Inspector } from "../state/inspector.ts";
import { element, setText } from "../util/dom.ts";
import { formatCount } from "../util/format.ts";
import { memo } from "../util/redraw.ts";
import { Histogram } from "./histogram.ts";
import { entryWords } from "./histogram-words.ts";
import { TimeProfiles } from "./time-profiles.ts";

/** A layer inspected: histograms, greatest entries, gradient by time step; or why there is none. */
export class Inspection {
  readonly node = element("div", { class: "gw-inspection" });
  readonly #gradient = new Histogram("gradient");
  readonly #weight = new Histogram("weight");
  readonly #activation = new Histogram("activation");
  readonly #entriesTitle = element("h3");
  readonly #entries = element("ol", {
    class: "gw-entries",
    "aria-label": "Largest gradient entries",
  });
  readonly #profiles = new TimeProfiles();
  readonly #redraw = memo<LayerInspection | string>();

  constructor() {
    const histograms = [this.#gradient.node, this.#weight.node, this.#activation.node];
    this.node.append(
      element("div", { class: "gw-charts" }, ...histograms),
      element(
        "div",
        { class: "gw-inspection-more" },
        element("section", {}, this.#entriesTitle, this.#entries),
        this.#profiles.node,
      ),
    );
  }

  /** Shows what is known of a layer; returns how often it ran in a step, if that is known. */
  update(layer: string, inspector: Inspector): number | null {
    const newest = inspector.inspect(layer);
    const shown = newest ?? inspector.whyNone(layer);
    this.#redraw(shown, () => {
      if (typeof shown === "string") this.#explain(shown);
      else this.#draw(shown);
    });
    return newest?.calls ?? null;
  }

  #explain(reason: string): void {
    for (const histogram of [this.#gradient, this.#weight, this.#activation])
      histogram.update(reason);
    setText(this.#entriesTitle, "Largest gradients");
    this.#entries.replaceChildren(element("li", { text: reason }));
    this.#profiles.update([], null);
  }

  #draw(inspection: LayerInspection): void {
    const { gradient, weight, activation, worst, profiles, profile_step } = inspection;
    this.#gradient.update(gradient);
    this.#weight.update(weight);
    this.#activation.update(activation);
    const step = typeof gradient === "string" ? null : gradient.step;
    const when = step === null ? "" : ` · step ${formatCount(step)}`;
    setText(this.#entriesTitle, `Largest gradients${when}`);
    const lines = worst.map((entry) =>
      element("li", {}, element("code", { text: entryWords(entry) })),
    );
    const none = typeof gradient === "string" ? gradient : "None: every entry is 0.";
    this.#entries.replaceChildren(...(lines.length > 0 ? lines : [element("li", { text: none })]));
    this.#profiles.update(profiles, profile_step);
  }
}
