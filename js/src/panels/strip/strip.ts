import type { ChangeInfo } from "../../protocol/messages.gen.ts";
import type { LoopControl } from "../../state/loop-control.ts";
import type { Store } from "../../state/store.ts";
import type { ViewOptions } from "../../state/view-options.ts";
import { element } from "../../util/dom.ts";
import { Disclosure } from "../disclosure.ts";
import { Controls } from "./controls.ts";
import { Headline } from "./headline.ts";
import { LoopState } from "./loop-state.ts";

/** One row on top: the verdict, the step, the buttons; under "…" everything else. */
export class Strip {
  /** The row, what its last button opens, and what is to be said of the loop. */
  readonly nodes: HTMLElement[];
  readonly #headline: Headline;
  readonly #loop: LoopControl | null;
  readonly #controls: Controls | null;
  readonly #state: LoopState | null;

  /** `outcome` says what came of a change, in words. Without a loop there is none to control. */
  constructor(
    options: ViewOptions,
    loop: LoopControl | null,
    outcome: (change: ChangeInfo) => string,
  ) {
    this.#loop = loop;
    this.#headline = new Headline(options);
    this.#controls = loop === null ? null : new Controls(loop);
    this.#state = loop === null ? null : new LoopState(loop, outcome);
    const more = new Disclosure("…", "More figures and settings");
    more.panel.classList.add("gw-more");
    more.panel.append(this.#headline.more.node);
    if (this.#controls !== null) more.panel.append(this.#controls.settings);
    const buttons = [this.#controls?.node, this.#headline.live, more.button];
    const present = buttons.filter((node) => node !== undefined);
    const actions = element("div", { class: "gw-actions" }, ...present);
    const row = element("div", { class: "gw-strip" }, this.#headline.node, actions);
    this.nodes = [row, more.panel, ...(this.#state === null ? [] : [this.#state.node])];
  }

  /** Lets the keys of the buttons work while anything in `area` has the focus. */
  listenToKeys(area: HTMLElement): void {
    this.#controls?.listenToKeys(area);
  }

  update(store: Store): void {
    this.#headline.update(store, this.#loop?.state.mode === "closed");
    this.#controls?.update();
    this.#state?.update(store.layers);
  }
}
