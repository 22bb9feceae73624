import { element } from "../util/dom.ts";

let made = 0;

/** A button that shows and hides a panel; Escape in the panel hides it, too. */
export class Disclosure {
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;

  /** `label` is what the button shows; `name` what it is called where that says too little. */
  constructor(label: string, name?: string) {
    const id = `gw-panel-${made++}`;
    this.panel = element("div", { id, class: "gw-panel", hidden: "" });
    this.button = element("button", {
      type: "button",
      text: label,
      title: name,
      "aria-label": name,
      "aria-expanded": "false",
      "aria-controls": id,
    });
    this.button.addEventListener("click", () => this.toggle(this.panel.hasAttribute("hidden")));
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.toggle(false);
      this.button.focus();
      event.stopPropagation();
    });
  }

  toggle(open: boolean): void {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
  }
}
