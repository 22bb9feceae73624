// Readers with deuteranopia and protanopia must be able to tell the states' colors apart, too, and
// to see them on their ground.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

type Rgb = [number, number, number];

const STATES = ["ok", "vanishing", "exploding", "dead", "nonfinite"];
/** Linear RGB matrices of Machado, Oliveira and Fernandes (2009) at full severity. */
const SIGHTS: Record<string, number[][]> = {
  "full color vision": [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};
/** Difference in CIELAB at which two colors are clearly two (2.3 is just noticeable). */
const CLEARLY_TWO = 10;
/** WCAG 2.1, 1.4.11: graphical objects against what is beside them. */
const SEEN = 3;

const css = readFileSync(new URL("../../src/style/theme.css", import.meta.url), "utf-8");
const [light, dark] = css.split('[data-jp-theme-light="false"]') as [string, string];
const themes = { light: { css: light, ground: "#ffffff" }, dark: { css: dark, ground: "#111111" } };

function colorOf(sheet: string, state: string): Rgb {
  const hex = new RegExp(`--gw-${state}: (#[0-9a-f]{6})`).exec(sheet)?.[1];
  if (hex === undefined) throw new Error(`no color for ${state}`);
  return linear(hex);
}

function linear(hex: string): Rgb {
  return [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
}

function seenWith(matrix: number[][], color: Rgb): Rgb {
  return matrix.map((row) =>
    row.reduce((sum, weight, i) => sum + weight * (color[i] as number), 0),
  ) as Rgb;
}

function lab([red, green, blue]: Rgb): Rgb {
  const x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505;
  const y = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  const z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089;
  const f = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  return [116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))];
}

function difference(a: Rgb, b: Rgb): number {
  return Math.hypot(...lab(a).map((value, i) => value - (lab(b)[i] as number)));
}

function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe.each(Object.entries(themes))("in the %s theme", (_, { css: sheet, ground }) => {
  test.each(Object.entries(SIGHTS))("states differ with %s", (_sight, matrix) => {
    for (const [i, a] of STATES.entries()) {
      for (const b of STATES.slice(i + 1)) {
        const apart = difference(
          seenWith(matrix, colorOf(sheet, a)),
          seenWith(matrix, colorOf(sheet, b)),
        );
        expect(apart, `${a} and ${b}`).toBeGreaterThan(CLEARLY_TWO);
      }
    }
  });

  test.each(STATES)("%s stands out from its ground", (state) => {
    const [a, b] = [luminance(colorOf(sheet, state)), luminance(linear(ground))];
    expect((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)).toBeGreaterThan(SEEN);
  });
});
