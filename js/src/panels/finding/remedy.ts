import type { ChangeInfo, FindingInfo, RemedyInfo } from "../../protocol/messages.gen.ts";
import type { LoopControl } from "../../state/loop-control.ts";
import { breakable } from "../../util/breakable.ts";
import { element, setHidden, setText } from "../../util/dom.ts";
import { formatCount } from "../../util/format.ts";
import { codeDisclosure } from "./code.ts";

/** A fix on a finding's card: why, its code, and Apply or Undo where the loop can be changed. */
export class Remedy {
  readonly node = element("div", { class: "gw-remedy" });
  readonly #loop: LoopControl | null;
  readonly #change: string | null;
  readonly #outcome: (finding: FindingInfo, change: ChangeInfo) => string;
  readonly #button = element("button", { type: "button", class: "gw-primary", text: "Apply" });
  readonly #note = element("p", { class: "gw-note", "aria-live": "polite" });

  /**
   * `titled` calls the layers in a text as a reader does; `outcome` says what came of a change.
   */
  constructor(
    finding: FindingInfo,
    { title, why, code, change }: RemedyInfo,
    loop: LoopControl | null,
    titled: (text: string) => string,
    outcome: (finding: FindingInfo, change: ChangeInfo) => string,
  ) {
    this.#outcome = outcome;
    this.#loop = loop;
    this.#change = change;
    const buttons = element("div");
    this.node.append(
      element(
        "div",
        { class: "gw-remedy-head" },
        element("span", {}, ...breakable(titled(title))),
        buttons,
      ),
      element("p", { text: titled(why) }),
    );
    if (change !== null && loop !== null) {
      this.#button.addEventListener("click", () => {
        const done = loop.inForce(change);
        if (done === undefined) loop.apply(finding, change);
        else loop.undo(done);
      });
      buttons.append(this.#button);
      const effect = titled(`Apply changes the running loop: ${change}.`);
      this.node.append(element("p", { class: "gw-effect", text: effect }), this.#note);
    }
    if (code !== "") {
      const { button, panel } = codeDisclosure(code);
      buttons.append(button);
      this.node.append(panel);
    }
  }

  /** Follows the loop; `finding` is as it now is. */
  update(finding: FindingInfo): void {
    if (this.#change === null || this.#loop === null) return;
    const done = this.#loop.inForce(this.#change);
    setText(this.#button, done === undefined ? "Apply" : "Undo");
    this.#button.disabled = this.#loop.state.mode === "closed";
    const applied =
      done === undefined
        ? ""
        : `In force since step ${formatCount(done.step + 1)}. ${this.#outcome(finding, done)}`.trim();
    const note = this.#loop.notes.get(this.#change) || applied;
    setText(this.#note, note);
    setHidden(this.#note, note === "");
  }
}
