import type { Named } from "../../derive/story/layer-title.ts";
import { withTitles } from "../../derive/story/message-words.ts";
import type { ChangeInfo } from "../../protocol/messages.gen.ts";
import type { LoopControl } from "../../state/loop-control.ts";
import { element, setAttribute, setHidden, setText } from "../../util/dom.ts";
import { formatCount } from "../../util/format.ts";
import { memo } from "../../util/redraw.ts";

/** What is unusual about the loop: that it is held, and the changes in force. Else nothing. */
export class LoopState {
  readonly node = element("div", { class: "gw-loop" });
  readonly #loop: LoopControl;
  readonly #state = element("span", {
    class: "gw-loop-state",
    "aria-live": "polite",
    tabindex: "-1",
  });
  readonly #noSubshell = element("span", {
    class: "gw-no-subshell",
    text: "This notebook cannot reach a running cell: buttons act when it has ended.",
    hidden: "",
  });
  readonly #changes = element("ul", { class: "gw-changes", "aria-label": "Changes in force" });
  readonly #listChanges = memo<string>();
  /** What came of each change in force, behind it. */
  readonly #outcomes = new Map<number, HTMLElement>();
  readonly #outcome: (change: ChangeInfo) => string;

  /** `outcome` says what came of a change, in words. */
  constructor(loop: LoopControl, outcome: (change: ChangeInfo) => string) {
    this.#loop = loop;
    this.#outcome = outcome;
    this.node.append(this.#state, this.#noSubshell, this.#changes);
  }

  /** `layers` of the network are called in the text of a change as everywhere else. */
  update(layers: readonly Named[]): void {
    const { state, isDelayed, refusal } = this.#loop;
    const words = refusal || this.#words();
    setAttribute(this.node, "data-mode", state.mode);
    setText(this.#state, words);
    const noSubshell = isDelayed && state.mode !== "closed";
    setHidden(this.#noSubshell, !noSubshell);
    this.#updateChanges(layers);
    // A live region that is hidden until it has something to say is not read out.
    const isEmpty = words === "" && !noSubshell && this.#outcomes.size === 0;
    this.node.classList.toggle("gw-empty", isEmpty);
  }

  #words(): string {
    const { mode, left, step, reason } = this.#loop.state;
    const why = reason === "" ? "" : ` · ${reason}`;
    if (mode === "paused") return `Paused after step ${formatCount(step ?? 0)}${why}`;
    if (mode === "closed") return reason;
    if (mode !== "stepping") return "";
    return left > 1 ? `Pauses after ${formatCount(left)} more steps` : `Pausing${why}`;
  }

  /** Each change in force with its Undo: the finding that it was made for may be long over. */
  #updateChanges(layers: readonly Named[]): void {
    const { changes, mode } = this.#loop.state;
    const inForce =
      mode === "closed" ? [] : changes.filter(({ undone_step }) => undone_step === null);
    this.#listChanges(JSON.stringify(inForce), () => {
      this.#changes.hidden = inForce.length === 0;
      this.#outcomes.clear();
      const items = inForce.map((change) => {
        const undo = element("button", { type: "button", text: "Undo" });
        undo.addEventListener("click", () => this.#loop.undo(change));
        const what = withTitles(change.text, layers);
        const text = `Since step ${formatCount(change.step + 1)}: ${what}`;
        const outcome = element("span", { class: "gw-outcome" });
        this.#outcomes.set(change.number, outcome);
        return element("li", {}, element("span", { text }), undo, outcome);
      });
      const hadFocus = this.#changes.matches(":focus-within");
      this.#changes.replaceChildren(...items);
      // Where the button that was pressed is gone, the keyboard goes on from its place.
      if (hadFocus) (this.#changes.querySelector("button") ?? this.#state).focus();
    });
    for (const change of inForce) {
      const shown = this.#outcomes.get(change.number);
      const note = this.#loop.notes.get(change.text) ?? "";
      if (shown !== undefined) setText(shown, note || this.#outcome(change));
    }
  }
}
