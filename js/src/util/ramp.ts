type Rgb = [number, number, number];

/** The stops of a color ramp written as CSS has them: "#f4f6fa, #ceddf0, #103450". */
export function stopsOf(list: string): string[] {
  return list.split(",").map((stop) => stop.trim());
}

/** 256 colors as canvas pixels (little endian ABGR), from evenly spaced stops such as "#f4f6fa". */
export function rampOf(stops: string[]): Uint32Array {
  const colors = stops.map(rgbOf);
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (colors.length - 1);
    const [a, b] = [colors[Math.floor(at)], colors[Math.ceil(at)]] as [Rgb, Rgb];
    return pixelOf(a.map((channel, k) => channel + ((b[k] as number) - channel) * (at % 1)) as Rgb);
  });
}

/** The channels of a color such as "#f4f6fa". */
export function rgbOf(color: string): Rgb {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  return [red ?? 0, green ?? 0, blue ?? 0];
}

/** An opaque canvas pixel. */
export function pixelOf([red, green, blue]: Rgb): number {
  return (
    ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0
  );
}
