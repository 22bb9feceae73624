// @vitest-environment jsdom
import { expect, test } from "vitest";
import { TimeProfiles } from "../../src/panels/time-profiles.ts";

const forward = { title: "forward", norms: [1e-3, 1e-2] };
const backward = { title: "backward", norms: [0, 0] };

/** The texts of each chart. */
function chartsOf({ node }: TimeProfiles): string[][] {
  return [...node.querySelectorAll("figure")].map((chart) =>
    [...chart.querySelectorAll("span")].map((part) => part.textContent ?? ""),
  );
}

test("each profile has a chart with the decades and the time steps at its ends", () => {
  const profiles = new TimeProfiles();
  profiles.update([forward, backward], 1240);
  expect(profiles.node.querySelector("h3")?.textContent).toContain("step 1,240");
  expect(chartsOf(profiles)).toEqual([
    ["forward", "10⁻²", "10⁻³", "1", "2"],
    ["backward", "all 0", "", "1", "2"],
  ]);
});

test("charts that are no longer needed go, and the others stay the same nodes", () => {
  const profiles = new TimeProfiles();
  profiles.update([forward, backward], 1);
  const first = profiles.node.querySelector("figure");
  profiles.update([backward], 2);
  expect(chartsOf(profiles).map(([title]) => title)).toEqual(["backward"]);
  expect(profiles.node.querySelector("figure")).toBe(first);
  profiles.update([], null);
  expect(profiles.node.hidden).toBe(true);
});
