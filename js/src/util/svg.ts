const SVG = "http://www.w3.org/2000/svg";

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
