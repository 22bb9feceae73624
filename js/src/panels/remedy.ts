import type { FindingInfo, RemedyInfo } from "../protocol/messages.gen.ts";
import type { Remote } from "../state/loop-control.ts";
import { breakable } from "../util/breakable.ts";
import { element, setHidden, setText } from "../util/dom.ts";
import { codeDisclosure } from "./code.ts";

let made = 0;

/** A fix on a finding's card: why, what it changes in the loop, its code, and where it can be applied, Apply or Undo. */
export class RemedyNode {
  readonly node = element("div", { class: "gw-remedy" });
  readonly #remote: Remote | null;
  readonly #change: string | null;
  readonly #button = element("button", { type: "button", text: "Apply" });
  readonly #note = element("p", { class: "gw-note", "aria-live": "polite" });

  constructor(
    finding: FindingInfo,
    { title, why, code, change }: RemedyInfo,
    remote: Remote | null,
  ) {
    this.#remote = remote;
    this.#change = change;
    const buttons = element("div");
    const head = element(
      "div",
      { class: "gw-remedy-head" },
      element("span", {}, ...breakable(title)),
      buttons,
    );
    this.node.append(head, element("p", { text: why }));
    if (change !== null && remote !== null) {
      this.#button.addEventListener("click", () => {
        const done = remote.inForce(change);
        if (done === undefined) remote.apply(finding, change);
        else remote.undo(done);
      });
      buttons.append(this.#button);
      this.node.append(
        element("p", { text: `Apply changes the running loop: ${change}.` }),
        this.#note,
      );
    }
    if (code !== "") {
      const { button, panel } = codeDisclosure(code, `gw-code-${made++}`);
      buttons.append(button);
      this.node.append(panel);
    }
  }

  update(): void {
    if (this.#change === null || this.#remote === null) return;
    const done = this.#remote.inForce(this.#change);
    setText(this.#button, done === undefined ? "Apply" : "Undo");
    this.#button.disabled = this.#remote.state.mode === "closed";
    const applied = done === undefined ? "" : `In force since step ${done.step + 1}.`;
    setText(this.#note, this.#remote.notes.get(this.#change) || applied);
    setHidden(this.#note, this.#note.textContent === "");
  }
}
