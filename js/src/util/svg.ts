export const SVG = "http://www.w3.org/2000/svg";

/** Bars of the given heights side by side as one SVG path; those of height 0 leave a gap. */
export function barsPath(heights: readonly number[], width: number, height: number): string {
  const each = width / heights.length;
  return heights
    .map((up, i) => {
      const left = (i * each).toFixed(2);
      return up > 0
        ? `M${left} ${height}v${(-up).toFixed(2)}h${(each * 0.86).toFixed(2)}v${up.toFixed(2)}z`
        : "";
    })
    .join("");
}

/** An image of one path that stretches to its box; its `aria-label` says what it shows. */
export function drawing(width: number, height: number): { node: SVGElement; path: SVGElement } {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  node.setAttribute("preserveAspectRatio", "none");
  node.setAttribute("role", "img");
  const path = document.createElementNS(SVG, "path");
  node.append(path);
  return { node, path };
}
