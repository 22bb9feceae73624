import { type Titled, titlesOf } from "../../derive/story/layer-title.ts";
import type { FindingInfo, LayerInfo } from "../../protocol/messages.gen.ts";
import { breakable } from "../../util/breakable.ts";
import { element, setHidden, setText } from "../../util/dom.ts";
import { formatCount } from "../../util/format.ts";
import { memo } from "../../util/redraw.ts";

/** What the reader can do with the place of a finding. */
export interface PlaceActions {
  /** Show where it is, in the metric that it is about; `layer` comes in sight. */
  onShow(finding: FindingInfo, layer: string | null): void;
  /** Shows the border where the flow breaks or passes the limit; null where the finding has none. */
  toBorder(finding: FindingInfo): (() => void) | null;
  /** Travel to a step. */
  onTravel(step: number): void;
}

/** Layers and ranges of layers named; the remaining layers are counted. */
const MOST_NAMED = 6;

const WHOLE: Titled = { text: "the whole model", names: [] };

/** In which layers a finding is, as buttons that show them, and since which step. */
export class FindingPlace {
  readonly node = element("p", { class: "gw-place" });
  readonly #layers = element("span", { class: "gw-finding-layers" });
  readonly #since = element("button", { type: "button", class: "gw-link gw-since" });
  readonly #until = element("span");
  readonly #border = element("button", {
    type: "button",
    class: "gw-link",
    text: "show the border",
  });
  readonly #toBorder = element("span", {}, new Text(" · "), this.#border);
  readonly #actions: PlaceActions;
  readonly #list = memo<string>();
  #finding: FindingInfo | null = null;

  constructor(actions: PlaceActions) {
    this.#actions = actions;
    this.#since.addEventListener("click", () => {
      if (this.#finding !== null) actions.onTravel(this.#finding.first_step);
    });
    this.#border.addEventListener("click", () => {
      if (this.#finding !== null) actions.toBorder(this.#finding)?.();
    });
    this.node.append(this.#layers, " · ", this.#since, this.#until, this.#toBorder);
  }

  /** Shows the place of a finding; `all` are the layers of the network in their order. */
  update(finding: FindingInfo, all: readonly LayerInfo[]): void {
    this.#finding = finding;
    const { active, first_step, last_step, layers } = finding;
    setText(this.#since, `${active ? "since step" : "from step"} ${formatCount(first_step)}`);
    setText(this.#until, active ? "" : `to ${formatCount(last_step)}`);
    this.#list(`${all.length} ${active} ${layers.join()}`, () => {
      this.#layers.replaceChildren(...this.#named(layers, all));
      setHidden(this.#toBorder, !active || this.#actions.toBorder(finding) === null);
    });
  }

  #named(layers: string[], all: readonly LayerInfo[]): Node[] {
    // The whole model is a place, too: its finding may be about a metric.
    const titles = layers.length > 0 ? titlesOf(layers, all) : [WHOLE];
    const nodes: Node[] = titles.slice(0, MOST_NAMED).map(({ text, names }) => {
      const attributes = { type: "button", class: "gw-link", title: names.join(", ") || undefined };
      const button = element("button", attributes, ...breakable(text));
      button.addEventListener("click", () => {
        if (this.#finding !== null) this.#actions.onShow(this.#finding, names[0] ?? null);
      });
      return button;
    });
    const left = titles.slice(MOST_NAMED).reduce((sum, { names }) => sum + names.length, 0);
    if (left > 0) nodes.push(element("span", { text: `and ${formatCount(left)} more` }));
    return nodes;
  }
}
