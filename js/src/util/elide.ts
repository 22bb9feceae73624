const ELLIPSIS = "…";

/** A text's width in pixels. */
export type Measure = (text: string) => number;

/** The text itself where it fits, else with its middle left out: its end tells layers apart, its beginning where they belong. */
export function elideMiddle(text: string, width: number, measure: Measure): string {
  if (measure(text) <= width) return text;
  let low = 1;
  let high = text.length - 1;
  while (low < high) {
    const kept = (low + high + 1) >> 1;
    if (measure(shortened(text, kept)) <= width) low = kept;
    else high = kept - 1;
  }
  return shortened(text, low);
}

function shortened(text: string, kept: number): string {
  const tail = Math.ceil(kept * 0.8);
  return text.slice(0, kept - tail) + ELLIPSIS + text.slice(text.length - tail);
}

/** Measures with the font of an element. */
export function measureLike(node: Element): Measure {
  const context = document.createElement("canvas").getContext("2d");
  if (context === null) return (text) => text.length * 7;
  context.font = getComputedStyle(node).font;
  return (text) => context.measureText(text).width;
}
