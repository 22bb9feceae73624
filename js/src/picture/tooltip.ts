import { element, setHidden, setText } from "../util/dom.ts";

/** Pixels between the pointer and the tooltip, and from there to the edge of the frame. */
const BESIDE = 14;
const BELOW = 12;
const MARGIN = 4;

/** Some lines of text beside the pointer. */
export class Tooltip {
  readonly node = element("div", { class: "gw-tooltip", hidden: "", "aria-hidden": "true" });
  #lines: HTMLElement[] = [];

  /** Shows lines beside a point in the coordinates of `frame`, within which they stay. */
  show(lines: string[], x: number, y: number, frame: HTMLElement): void {
    if (this.#lines.length !== lines.length) {
      this.#lines = lines.map(() => element("div"));
      this.node.replaceChildren(...this.#lines);
    }
    this.#lines.forEach((node, i) => {
      setText(node, lines[i] as string);
    });
    setHidden(this.node, false);
    const { offsetWidth, offsetHeight } = this.node;
    const isTight = x + BESIDE + offsetWidth > frame.clientWidth;
    const left = isTight ? x - BESIDE - offsetWidth : x + BESIDE;
    const top = Math.min(y + BELOW, frame.clientHeight - offsetHeight - MARGIN);
    const [right, down] = [Math.max(MARGIN, left), Math.max(MARGIN, top)];
    this.node.style.transform = `translate(${right}px, ${down}px)`;
  }

  hide(): void {
    setHidden(this.node, true);
  }
}
