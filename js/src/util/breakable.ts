import { element } from "./dom.ts";

/** A text in which a line may break after the dots of a module path. */
export function breakable(text: string): Node[] {
  const parts = text.split(/(?<=\.)(?=\w)/);
  return parts.flatMap((part, i) => [...(i > 0 ? [element("wbr")] : []), new Text(part)]);
}
