import { PARAGRAPHS } from "../../protocol/symptoms.gen.ts";
import { element, setAttribute, setHidden } from "../../util/dom.ts";
import { memo } from "../../util/redraw.ts";
import { Disclosure } from "../disclosure.ts";

const LIMITS = "The limits are the defaults; what was measured here is under “Why we say so”.";

/** A "?" that opens what the manual says of a symptom, in place. */
export class Explanation {
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;
  readonly #write = memo<string>();

  constructor() {
    const { button, panel } = new Disclosure("?");
    button.classList.add("gw-help");
    panel.classList.add("gw-explanation");
    this.button = button;
    this.panel = panel;
  }

  /** Without a paragraph of the symptom there is no button. */
  update(symptom: string, title: string): void {
    this.#write(`${symptom} ${title}`, () => {
      const name = `What “${title}” means`;
      setAttribute(this.button, "aria-label", name);
      setAttribute(this.button, "title", name);
      const paragraph = PARAGRAPHS.find(({ symptoms }) => symptoms.includes(symptom));
      setHidden(this.button, paragraph === undefined);
      const texts = (paragraph?.parts ?? []).map(({ title, text }) => {
        const bold = title === "" ? [] : [element("b", { text: `${title}:` }), " "];
        const node = element("p");
        node.append(...bold, text);
        return node;
      });
      this.panel.replaceChildren(...texts, element("p", { text: LIMITS }));
    });
  }
}
