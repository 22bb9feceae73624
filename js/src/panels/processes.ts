import type { ProcessesInfo, RankInfo } from "../protocol/messages.gen.ts";
import { element, setText } from "../util/dom.ts";
import { memo } from "../util/redraw.ts";

const COLUMNS = ["rank", "loss", "a step by itself", ""];

/** The processes that the training is spread over, behind one line; nothing where there is one. */
export class Processes {
  readonly node: HTMLElement;
  readonly #summary = element("summary");
  readonly #body = element("div");
  readonly #redraw = memo<ProcessesInfo>();

  constructor() {
    const parts = [this.#summary, this.#body];
    this.node = element("details", { class: "gw-below gw-processes", hidden: "" }, ...parts);
  }

  update(processes: ProcessesInfo): void {
    this.#redraw(processes, () => {
      const { summary, notes, ranks, rest } = processes;
      this.node.hidden = summary === "";
      setText(this.#summary, summary);
      const said = notes.map((text) => element("p", { text }));
      const more = rest === "" ? [] : [element("p", { text: rest })];
      this.#body.replaceChildren(...said, ...(ranks.length > 0 ? [tableOf(ranks)] : []), ...more);
    });
  }
}

function tableOf(ranks: RankInfo[]): HTMLElement {
  const head = COLUMNS.map((text) => element("th", { scope: "col", text }));
  const rows = ranks.map(({ rank, loss, time, remarks }) => {
    const cells = [loss, time, remarks].map((text) => element("td", { text }));
    return element("tr", {}, element("th", { scope: "row", text: String(rank) }), ...cells);
  });
  const body = element("tbody", {}, ...rows);
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), body);
}
