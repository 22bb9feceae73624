const SVG = "http://www.w3.org/2000/svg";

/** A new SVG element. */
export function svgElement<K extends keyof SVGElementTagNameMap>(tag: K): SVGElementTagNameMap[K] {
  return document.createElementNS(SVG, tag);
}

/** Bars of the given heights side by side as one SVG path; those of height 0 leave a gap. */
export function barsPath(heights: readonly number[], width: number, height: number): string {
  const each = width / heights.length;
  const across = (each * 0.86).toFixed(2);
  return heights
    .map((bar, i) => {
      const left = (i * each).toFixed(2);
      const up = bar.toFixed(2);
      return bar > 0 ? `M${left} ${height}v-${up}h${across}v${up}z` : "";
    })
    .join("");
}

/** A chart that is one path, stretched to its box; its `aria-label` says what it shows. */
export function pathChart(width: number, height: number): { node: SVGElement; path: SVGElement } {
  const node = svgElement("svg");
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  node.setAttribute("preserveAspectRatio", "none");
  node.setAttribute("role", "img");
  const path = svgElement("path");
  node.append(path);
  return { node, path };
}
