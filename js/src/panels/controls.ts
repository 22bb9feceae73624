import type { ChangeInfo, ResponseInfo } from "../protocol/messages.gen.ts";
import type { LoopControl } from "../state/loop-control.ts";
import { element, setAttribute, setHidden, setText } from "../util/dom.ts";
import { formatCount } from "../util/format.ts";
import { isOwnKey } from "../util/own-keys.ts";
import { memo } from "../util/redraw.ts";

/** The row under the headline: pause, step, when to pause, and the changes in force. */
export class Controls {
  readonly node: HTMLElement;
  readonly #loop: LoopControl;
  readonly #toggle = element("button", { type: "button", text: "Pause", title: "Key: p" });
  readonly #step = element("button", {
    type: "button",
    text: "Step",
    title: "Runs this many steps, then pauses. Key: s",
  });
  readonly #count = element("input", {
    type: "number",
    min: "1",
    value: "1",
    "aria-label": "Steps to run",
  });
  readonly #state = element("span", { class: "gw-loop-state", "aria-live": "polite" });
  readonly #noSubshell = element("span", {
    class: "gw-no-subshell",
    text: "No subshell here: control waits until the running cell ends.",
    hidden: "",
  });
  readonly #switches = element(
    "fieldset",
    { class: "gw-switches" },
    element("legend", { text: "Pause on" }),
  );
  readonly #boxes = new Map<string, { box: HTMLInputElement; words: HTMLElement }>();
  readonly #changes = element("ul", { class: "gw-changes", "aria-label": "Changes in force" });
  readonly #listChanges = memo<string>();
  /** What came of each change in force, behind it. */
  readonly #outcomes = new Map<number, HTMLElement>();
  readonly #outcome: (change: ChangeInfo) => string;

  /** `outcome` says what came of a change, in words. */
  constructor(loop: LoopControl, outcome: (change: ChangeInfo) => string) {
    this.#loop = loop;
    this.#outcome = outcome;
    this.#toggle.addEventListener("click", () => loop.toggle());
    this.#step.addEventListener("click", () => this.#run());
    this.node = element("div", {
      class: "gw-controls",
      role: "group",
      "aria-label": "Control of the running loop",
    });
    this.node.append(this.#toggle, this.#step, this.#count, this.#state, this.#noSubshell);
    this.node.append(this.#switches, this.#changes);
  }

  /** Lets `p` and `s` pause and step while anything in `area` has the focus. */
  listenToKeys(area: HTMLElement): void {
    area.addEventListener("keydown", (event) => {
      if (!isOwnKey(event) || event.target === this.#count) return;
      if (event.key === "p") this.#toggle.click();
      else if (event.key === "s") this.#step.click();
    });
  }

  update(): void {
    const { state, isDelayed, refusal } = this.#loop;
    const closed = state.mode === "closed";
    setText(this.#toggle, state.mode === "running" || closed ? "Pause" : "Resume");
    for (const part of [this.#toggle, this.#step, this.#count]) part.disabled = closed;
    setAttribute(this.node, "data-mode", state.mode);
    setText(this.#state, refusal || this.#stateWords());
    setHidden(this.#noSubshell, !isDelayed || closed);
    for (const response of state.responses) this.#updateSwitch(response, closed);
    this.#updateChanges();
  }

  #run(): void {
    this.#loop.step(Math.max(1, Math.round(this.#count.valueAsNumber || 1)));
  }

  #stateWords(): string {
    const { mode, left, step, reason } = this.#loop.state;
    const why = reason === "" ? "" : ` · ${reason}`;
    if (mode === "paused") return `Paused after step ${formatCount(step ?? 0)}${why}`;
    if (mode === "closed") return reason;
    if (mode !== "stepping") return "";
    return left > 1 ? `Pauses after ${formatCount(left)} more steps` : `Pausing${why}`;
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

  /** Each change in force with its Undo: the finding that it was made for may be long over. */
  #updateChanges(): void {
    const { changes, mode } = this.#loop.state;
    const inForce =
      mode === "closed" ? [] : changes.filter(({ undone_step }) => undone_step === null);
    this.#listChanges(JSON.stringify(inForce), () => {
      this.#changes.hidden = inForce.length === 0;
      this.#outcomes.clear();
      const items = inForce.map((change) => {
        const undo = element("button", { type: "button", text: "Undo" });
        undo.addEventListener("click", () => this.#loop.undo(change));
        const text = `Since step ${formatCount(change.step + 1)}: ${change.text}`;
        const outcome = element("span", { class: "gw-outcome" });
        this.#outcomes.set(change.number, outcome);
        return element("li", {}, element("span", { text }), undo, outcome);
      });
      this.#changes.replaceChildren(...items);
    });
    for (const change of inForce) {
      const shown = this.#outcomes.get(change.number);
      if (shown !== undefined) setText(shown, this.#outcome(change));
    }
  }
}
