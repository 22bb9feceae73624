import { element } from "./dom.ts";

/** After a dot that is followed by a letter, or stands between a letter and a digit: no decimals. */
const DOTS = /(?<=\.)(?=[A-Za-z_])|(?<=[A-Za-z_]\.)(?=\d)/;

/** A sign that belongs to the number behind it: "÷ 15", "× 1.74". */
const SIGN = /([÷×]) (?=\d)/g;

/** A text in which a line may break after the dots of a module path, and not behind ÷ and ×. */
export function breakable(text: string): Node[] {
  const parts = text.replace(SIGN, "$1\u00a0").split(DOTS);
  return parts.flatMap((part, i) => [...(i > 0 ? [element("wbr")] : []), new Text(part)]);
}
