import type { ProfileInfo } from "../protocol/messages.gen.ts";
import { element, setAttribute, setHidden, setText } from "../util/dom.ts";
import { formatCount, formatPower } from "../util/format.ts";
import { pathChart } from "../util/svg.ts";
import { powersOf, profilePath, profileWords } from "./time-profile-words.ts";

const WIDTH = 160;
const HEIGHT = 48;

/** The gradient of a recurrent layer along time: one chart per direction and stacked layer. */
export class TimeProfiles {
  readonly node = element("section", { class: "gw-time-profiles", hidden: "" });
  readonly #title = element("h3");
  readonly #list = element("div", { class: "gw-charts" });
  readonly #charts: TimeProfile[] = [];

  constructor() {
    this.node.append(this.#title, this.#list);
  }

  update(profiles: readonly ProfileInfo[], step: number | null): void {
    setHidden(this.node, step === null || profiles.length === 0);
    for (const { node } of this.#charts.splice(profiles.length)) node.remove();
    if (step === null) return;
    setText(this.#title, `Gradient by time step · step ${formatCount(step)}`);
    while (this.#charts.length < profiles.length) {
      const chart = new TimeProfile();
      this.#charts.push(chart);
      this.#list.append(chart.node);
    }
    profiles.forEach((profile, i) => {
      this.#charts[i]?.update(profile, step);
    });
  }
}

class TimeProfile {
  readonly node: HTMLElement;
  readonly #title = element("span");
  readonly #bars = pathChart(WIDTH, HEIGHT);
  readonly #top = element("span", { class: "gw-chart-top", "aria-hidden": "true" });
  readonly #bottom = element("span", { class: "gw-chart-bottom", "aria-hidden": "true" });
  readonly #last = element("span");

  constructor() {
    const plot = element("div", { class: "gw-chart-plot gw-chart-low" });
    plot.append(this.#bars.node, this.#top, this.#bottom);
    const first = element("span", { text: "1" });
    this.node = element(
      "figure",
      { class: "gw-chart" },
      element("figcaption", {}, this.#title),
      plot,
      element("div", { class: "gw-chart-axis", "aria-hidden": "true" }, first, this.#last),
    );
  }

  update(profile: ProfileInfo, step: number): void {
    const powers = powersOf(profile.norms);
    setText(this.#title, profile.title);
    setAttribute(this.#bars.node, "aria-label", profileWords(profile, step));
    setAttribute(this.#bars.path, "d", profilePath(profile.norms, WIDTH, HEIGHT));
    setText(this.#top, powers === null ? "all 0" : formatPower(powers[1]));
    setText(this.#bottom, powers === null ? "" : formatPower(powers[0]));
    setText(this.#last, formatCount(profile.norms.length));
  }
}
