const MINUS = "−";
/** From these sizes on powers of ten are easier to read; the text of a finding has the same. */
const LEAST_WRITTEN_OUT = 1e-4;
const MOST_WRITTEN_OUT = 1e6;
/** Made once: making a formatter takes longer than formatting a number. */
const COUNT = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A step or count with separators: 1,240. */
export function formatCount(count: number): string {
  return COUNT.format(Math.round(count));
}

/**
 * A measured value with three significant digits, a small one with two: 0.523, 57,300, 0.0031,
 * 3.1×10⁻⁸, NaN, ∞.
 */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  if (value === 0) return "0";
  const size = Math.abs(value);
  // Rounded to three digits, anything above is a thousand or more.
  if (size >= 999.5 && size < MOST_WRITTEN_OUT)
    return formatCount(Number(value.toPrecision(3))).replace("-", MINUS);
  if (size >= 0.01 && size < 999.5) return value.toPrecision(3).replace("-", MINUS);
  if (size >= LEAST_WRITTEN_OUT && size < 0.01)
    return String(Number(value.toPrecision(2))).replace("-", MINUS);
  const [digits, exponent] = value.toExponential(1).split("e") as [string, string];
  return `${digits.replace("-", MINUS)}×${formatPower(Number(exponent))}`;
}

/** The same for a value from the history, which does not tell NaN from infinite. */
export function formatMeasured(value: number): string {
  return Number.isFinite(value) ? formatValue(value) : "not finite";
}

/** A value without needless digits, for the round ends of an axis: 0.5, 1×10⁻⁵. */
export function formatShort(value: number): string {
  return formatValue(value).replace(/\.(\d*?)0+(?=×|$)/, (_, digits: string) =>
    digits === "" ? "" : `.${digits}`,
  );
}

/** A share as a percentage: 0.6%. */
export function formatShare(share: number): string {
  const percent = share * 100;
  return `${percent >= 10 ? percent.toFixed(0) : percent.toFixed(1)}%`;
}

/** A power of ten as an axis shows it: 10⁻⁸. */
export function formatPower(exponent: number): string {
  const digits = [...String(Math.abs(exponent))]
    .map((digit) => SUPERSCRIPTS[Number(digit)])
    .join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** The words of a code: "first_layer" becomes "first layer". */
export function formatCode(code: string): string {
  return code.replaceAll("_", " ");
}
