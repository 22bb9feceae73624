import { element } from "./dom.ts";

/** After a dot that is followed by a letter, or stands between a letter and a digit: no decimals. */
const DOTS = /(?<=\.)(?=[A-Za-z_])|(?<=[A-Za-z_]\.)(?=\d)/;

/** A text in which a line may break after the dots of a module path. */
export function breakable(text: string): Node[] {
  const parts = text.split(DOTS);
  return parts.flatMap((part, i) => [...(i > 0 ? [element("wbr")] : []), new Text(part)]);
}
