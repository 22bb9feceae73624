import { element, setHidden, setText } from "../../util/dom.ts";

interface Entry {
  node: HTMLElement;
  title: HTMLElement;
  value: HTMLElement;
  word: HTMLElement;
}

/** Figures in a line, each behind its title. */
export class Values {
  readonly node = element("dl", { class: "gw-values" });
  readonly #entries = new Map<string, Entry>();

  /** Shows a value under its title, and a `word` on it; an empty value is left out. */
  show(title: string, value: string, key = title, word = ""): void {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = newEntry();
      this.#entries.set(key, entry);
      this.node.append(entry.node);
    }
    setText(entry.title, title);
    setText(entry.value, value);
    setText(entry.word, word === "" ? "" : ` ${word}`);
    setHidden(entry.node, value === "");
  }
}

function newEntry(): Entry {
  const [title, value, word] = [element("dt"), element("b"), element("span")];
  const node = element("div", {}, title, element("dd", {}, value, word));
  return { node, title, value, word };
}
