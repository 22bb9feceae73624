import { element, setHidden, setText } from "../util/dom.ts";

/** The words under the pointer. */
export class Readout {
  readonly node = element("div", { class: "gw-readout", hidden: "", "aria-hidden": "true" });

  /** Shows lines beside a point given in the coordinates of `frame`, kept within it. */
  show(lines: string[], x: number, y: number, frame: HTMLElement): void {
    if (this.node.childElementCount !== lines.length)
      this.node.replaceChildren(...lines.map(() => element("div")));
    lines.forEach((line, i) => {
      setText(this.node.children[i] as Element, line);
    });
    setHidden(this.node, false);
    const { offsetWidth, offsetHeight } = this.node;
    const left = x + 14 + offsetWidth > frame.clientWidth ? x - 14 - offsetWidth : x + 14;
    const top = Math.min(y + 12, frame.clientHeight - offsetHeight - 4);
    this.node.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }

  hide(): void {
    setHidden(this.node, true);
  }
}
