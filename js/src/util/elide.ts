const ELLIPSIS = "…";
/** Of the characters kept, the share at the end: that is where layers of a model differ. */
const KEPT_AT_END = 0.8;

/** A text's width in pixels. */
export type Measure = (text: string) => number;

/** The text if it fits, else with its middle left out: both ends of a layer's name matter. */
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
  const tail = Math.ceil(kept * KEPT_AT_END);
  return text.slice(0, kept - tail) + ELLIPSIS + text.slice(text.length - tail);
}

/** Measures with the font of an element. */
export function measureLike(node: Element): Measure {
  const context = document.createElement("canvas").getContext("2d");
  if (context === null) return (text) => text.length * 7;
  context.font = getComputedStyle(node).font;
  return (text) => context.measureText(text).width;
}
