import type { ResponseInfo } from "../protocol/messages.gen.ts";
import type { Remote } from "../state/loop-control.ts";
import { element, setAttribute, setHidden, setText } from "../util/dom.ts";
import { formatCount } from "../util/format.ts";
import { isOwnKey } from "../util/own-keys.ts";

/** Pause, step and what has been changed: the row under the headline. */
export class Controls {
  readonly node: HTMLElement;
  readonly #remote: Remote;
  readonly #toggle = element("button", { type: "button", text: "Pause", title: "Key: p" });
  readonly #step = element("button", {
    type: "button",
    text: "Step",
    title: "Runs this many steps, then holds. Key: s",
  });
  readonly #count = element("input", {
    type: "number",
    min: "1",
    value: "1",
    "aria-label": "Steps to run",
  });
  readonly #state = element("span", { class: "gw-held", "aria-live": "polite" });
  readonly #waits = element("span", {
    class: "gw-waits",
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
  #shown = "";

  constructor(remote: Remote) {
    this.#remote = remote;
    this.#toggle.addEventListener("click", () => remote.toggle());
    this.#step.addEventListener("click", () => this.#run());
    this.node = element("div", {
      class: "gw-controls",
      role: "group",
      "aria-label": "Control of the running loop",
    });
    this.node.append(
      this.#toggle,
      this.#step,
      this.#count,
      this.#state,
      this.#waits,
      this.#switches,
      this.#changes,
    );
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
    const { state, waits, refusal } = this.#remote;
    const closed = state.mode === "closed";
    setText(this.#toggle, state.mode === "running" || closed ? "Pause" : "Resume");
    for (const part of [this.#toggle, this.#step, this.#count]) part.disabled = closed;
    setAttribute(this.node, "data-mode", state.mode);
    setText(this.#state, refusal || this.#words());
    setHidden(this.#waits, !waits || closed);
    for (const response of state.responses) this.#switch(response, closed);
    this.#list();
  }

  #run(): void {
    this.#remote.step(Math.max(1, Math.round(this.#count.valueAsNumber || 1)));
  }

  #words(): string {
    const { mode, left, step, reason } = this.#remote.state;
    const why = reason === "" ? "" : ` · ${reason}`;
    if (mode === "paused") return `Paused after step ${formatCount(step ?? 0)}${why}`;
    if (mode === "stepping")
      return left > 1 ? `Pauses after ${formatCount(left)} more steps` : `Pausing${why}`;
    return "";
  }

  #switch({ severity, response }: ResponseInfo, closed: boolean): void {
    let known = this.#boxes.get(severity);
    if (known === undefined) {
      known = { box: element("input", { type: "checkbox" }), words: element("span") };
      const { box } = known;
      box.addEventListener("change", () => this.#remote.pauseOn(severity, box.checked));
      this.#boxes.set(severity, known);
      this.#switches.append(element("label", {}, known.box, known.words));
    }
    const other = response === null || response === "pause" ? "" : ` (now: ${response})`;
    setText(known.words, `${severity} findings${other}`);
    known.box.checked = response === "pause";
    known.box.disabled = closed;
  }

  /** Each change in force with its Undo: the finding that asked for it may be long over. */
  #list(): void {
    const { changes, mode } = this.#remote.state;
    const inForce =
      mode === "closed" ? [] : changes.filter(({ undone_step }) => undone_step === null);
    const shown = JSON.stringify(inForce);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#changes.hidden = inForce.length === 0;
    this.#changes.replaceChildren(
      ...inForce.map((change) => {
        const undo = element("button", { type: "button", text: "Undo" });
        undo.addEventListener("click", () => this.#remote.undo(change));
        const words = element("span", {
          text: `Since step ${formatCount(change.step + 1)}: ${change.text}`,
        });
        return element("li", {}, words, undo);
      }),
    );
  }
}
