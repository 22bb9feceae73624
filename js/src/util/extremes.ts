// Math.min and Math.max give NaN as soon as one of the two is NaN.

/** The lesser of two numbers; where one is NaN, the other. */
export function lesser(a: number, b: number): number {
  return Number.isNaN(a) || b < a ? b : a;
}

/** The greater of two numbers; where one is NaN, the other. */
export function greater(a: number, b: number): number {
  return Number.isNaN(a) || b > a ? b : a;
}
