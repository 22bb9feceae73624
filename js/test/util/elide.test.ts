import { expect, test } from "vitest";
import { elideMiddle } from "../../src/util/elide.ts";

const measure = (text: string): number => text.length;

test("a name keeps both its ends when it does not fit", () => {
  const short = elideMiddle("encoder.layers.11.self_attn.out_proj", 16, measure);
  expect(short.length).toBeLessThanOrEqual(16);
  expect(short.startsWith("enc")).toBe(true);
  expect(short.endsWith("out_proj")).toBe(true);
});

test("a name that fits stays whole", () => {
  expect(elideMiddle("head", 16, measure)).toBe("head");
  expect(elideMiddle("head", 4, measure)).toBe("head");
});
