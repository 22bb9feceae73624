import { element } from "./dom.ts";

/** A text that may be broken after the dots of a module path where a line is too short for it. */
export function breakable(text: string): Node[] {
  return text
    .split(/(?<=\.)(?=\w)/)
    .flatMap((part, i) => [...(i > 0 ? [element("wbr")] : []), new Text(part)]);
}
