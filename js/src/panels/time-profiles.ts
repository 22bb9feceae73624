import type { ProfileInfo } from "../protocol/messages.gen.ts";
import { element, setAttribute, setHidden, setText } from "../util/dom.ts";
import { formatCount, formatPower } from "../util/format.ts";
import { drawing } from "../util/svg.ts";
import { powersOf, profilePath, profileWords } from "./time-profile-words.ts";

const WIDTH = 160;
const HEIGHT = 48;

/** The gradient of a recurrent layer along the time axis: one chart each direction and stacked layer. */
export class Profiles {
  readonly node = element("section", { class: "gw-profiles", hidden: "" });
  readonly #title = element("h3");
  readonly #charts = element("div", { class: "gw-spreads" });

  constructor() {
    this.node.append(this.#title, this.#charts);
  }

  update(profiles: readonly ProfileInfo[], step: number | null): void {
    setHidden(this.node, step === null || profiles.length === 0);
    while (this.#charts.children.length > profiles.length) this.#charts.lastElementChild?.remove();
    if (step === null) return;
    setText(this.#title, `Gradient by time step · step ${formatCount(step)}`);
    profiles.forEach((profile, i) => {
      this.#charts.children[i] ?? this.#charts.append(chart());
      draw(this.#charts.children[i] as Element, profile, step);
    });
  }
}

function chart(): HTMLElement {
  const plot = element("div", { class: "gw-spread-plot gw-profile-plot" });
  const axis = element(
    "div",
    { class: "gw-spread-axis", "aria-hidden": "true" },
    element("span"),
    element("span"),
  );
  plot.append(
    drawing(WIDTH, HEIGHT).node,
    element("span", { class: "gw-spread-top", "aria-hidden": "true" }),
  );
  plot.append(element("span", { class: "gw-spread-bottom", "aria-hidden": "true" }));
  return element(
    "figure",
    { class: "gw-spread" },
    element("figcaption", {}, element("span")),
    plot,
    axis,
  );
}

function draw(node: Element, profile: ProfileInfo, step: number): void {
  const [caption, plot, axis] = node.children as unknown as [Element, Element, Element];
  const [image, top, bottom] = plot.children as unknown as [Element, Element, Element];
  const powers = powersOf(profile.norms);
  setText(caption.firstElementChild as Element, profile.title);
  setAttribute(image, "aria-label", profileWords(profile, step));
  setAttribute(image.firstElementChild as Element, "d", profilePath(profile.norms, WIDTH, HEIGHT));
  setText(top, powers === null ? "all 0" : formatPower(powers[1]));
  setText(bottom, powers === null ? "" : formatPower(powers[0]));
  setText(axis.firstElementChild as Element, "1");
  setText(axis.lastElementChild as Element, formatCount(profile.norms.length));
}
