import type { ResponseInfo } from "../../protocol/messages.gen.ts";
import type { LoopControl } from "../../state/loop-control.ts";
import { element, setAttribute, setText } from "../../util/dom.ts";
import { isCommand } from "../../util/own-keys.ts";

/** The buttons that pause and step the running loop, and the settings for both. */
export class Controls {
  readonly node: HTMLElement;
  /** How many steps Step runs, and which findings pause the loop. */
  readonly settings: HTMLElement;
  readonly #loop: LoopControl;
  readonly #toggle = element("button", {
    type: "button",
    class: "gw-toggle",
    text: "Pause",
    title: "Key: p",
  });
  readonly #step = element("button", {
    type: "button",
    class: "gw-step",
    text: "Step",
    title: "Runs a step, or as many as are set under …, then pauses. Key: s",
  });
  readonly #count = element("input", { type: "number", min: "1", value: "1" });
  readonly #switches = element(
    "fieldset",
    { class: "gw-switches" },
    element("legend", { text: "Pause on" }),
  );
  readonly #boxes = new Map<string, { box: HTMLInputElement; words: HTMLElement }>();

  constructor(loop: LoopControl) {
    this.#loop = loop;
    this.#toggle.addEventListener("click", () => loop.toggle());
    this.#step.addEventListener("click", () => this.#run());
    this.node = element(
      "div",
      { class: "gw-controls", role: "group", "aria-label": "Control of the running loop" },
      this.#toggle,
      this.#step,
    );
    const count = element("label", {}, element("span", { text: "Steps to run" }), this.#count);
    this.settings = element("div", { class: "gw-settings" }, count, this.#switches);
  }

  /** Lets `p` and `s` pause and step while anything in `area` has the focus. */
  listenToKeys(area: HTMLElement): void {
    area.addEventListener("keydown", (event) => {
      if (!isCommand(event)) return;
      if (event.key === "p") this.#toggle.click();
      else if (event.key === "s") this.#step.click();
    });
  }

  update(): void {
    const { state } = this.#loop;
    const closed = state.mode === "closed";
    setText(this.#toggle, state.mode === "running" || closed ? "Pause" : "Resume");
    for (const part of [this.#toggle, this.#step, this.#count]) part.disabled = closed;
    setAttribute(this.node, "data-mode", state.mode);
    for (const response of state.responses) this.#updateSwitch(response, closed);
  }

  #run(): void {
    this.#loop.step(Math.max(1, Math.round(this.#count.valueAsNumber || 1)));
  }

  #updateSwitch({ severity, response }: ResponseInfo, closed: boolean): void {
    let known = this.#boxes.get(severity);
    if (known === undefined) {
      known = { box: element("input", { type: "checkbox" }), words: element("span") };
      const { box } = known;
      box.addEventListener("change", () => this.#loop.pauseOn(severity, box.checked));
      this.#boxes.set(severity, known);
      this.#switches.append(element("label", {}, known.box, known.words));
    }
    const other = response === null || response === "pause" ? "" : ` (now: ${response})`;
    setText(known.words, `${severity} findings${other}`);
    known.box.checked = response === "pause";
    known.box.disabled = closed;
  }
}
