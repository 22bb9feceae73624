import type { LayerInspection } from "../protocol/messages.gen.ts";
import type { Inspector } from "../state/inspector.ts";
import { element, setText } from "../util/dom.ts";
import { formatCount } from "../util/format.ts";
import { Spread } from "./histogram.ts";
import { entryWords } from "./histogram-words.ts";
import { Profiles } from "./time-profiles.ts";

const WITHOUT_KERNEL = "Needs a running kernel.";

/** A layer looked at closely: histograms, greatest entries, gradient by time step. Says what it waits for. */
export class Inspection {
  readonly node = element("div", { class: "gw-inspection" });
  readonly #gradient = new Spread("gradient");
  readonly #weight = new Spread("weight");
  readonly #activation = new Spread("activation");
  readonly #worst = element("h3");
  readonly #entries = element("ol", {
    class: "gw-entries",
    "aria-label": "Greatest gradient entries",
  });
  readonly #profiles = new Profiles();
  #shown: LayerInspection | string | null = null;

  constructor() {
    const spreads = [this.#gradient.node, this.#weight.node, this.#activation.node];
    this.node.append(
      element("div", { class: "gw-spreads" }, ...spreads),
      element(
        "div",
        { class: "gw-more" },
        element("section", {}, this.#worst, this.#entries),
        this.#profiles.node,
      ),
    );
  }

  /** Shows what is known of a layer; gives how often it ran in a step, where that is known. */
  update(layer: string, inspector: Inspector | null): number | null {
    const seen = inspector?.look(layer) ?? null;
    const now = seen ?? inspector?.excuse(layer) ?? WITHOUT_KERNEL;
    if (now !== this.#shown) {
      this.#shown = now;
      if (typeof now === "string") this.#wait(now);
      else this.#draw(now);
    }
    return seen?.calls ?? null;
  }

  #wait(words: string): void {
    for (const spread of [this.#gradient, this.#weight, this.#activation]) spread.update(words);
    setText(this.#worst, "Greatest gradients");
    this.#entries.replaceChildren(element("li", { text: words }));
    this.#profiles.update([], null);
  }

  #draw({ gradient, weight, activation, worst, profiles, profile_step }: LayerInspection): void {
    this.#gradient.update(gradient);
    this.#weight.update(weight);
    this.#activation.update(activation);
    const step =
      typeof gradient === "string" || gradient.step === null
        ? ""
        : ` · step ${formatCount(gradient.step)}`;
    setText(this.#worst, `Greatest gradients${step}`);
    const lines = worst.map((entry) =>
      element("li", {}, element("code", { text: entryWords(entry) })),
    );
    const none = typeof gradient === "string" ? gradient : "None: every entry is 0.";
    this.#entries.replaceChildren(...(lines.length > 0 ? lines : [element("li", { text: none })]));
    this.#profiles.update(profiles, profile_step);
  }
}
