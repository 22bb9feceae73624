import { expect, test } from "vitest";
import { withTitles } from "../../../src/derive/story/message-words.ts";

const NETWORK = ["0", "2", "4", "6", "120"].map((name) => ({ name, kind: "Linear" }));

test.each([
  [
    "0 gets 11 million times less gradient than 6, ÷ 15 a layer: layers 0, 2, 4 and 3 more can hardly learn.",
    "Linear 0 gets 11 million times less gradient than Linear 6, ÷ 15 a layer: Linear 0, 2, 4 and 3 more can hardly learn.",
  ],
  [
    "2 gets no gradient although there is some at 6; most of it is lost between 4 and 6 (30×): layer 2 can hardly learn.",
    "Linear 2 gets no gradient although there is some at Linear 6; most of it is lost between Linear 4 and Linear 6 (30×): Linear 2 can hardly learn.",
  ],
  [
    "The gradient grows 40× on its way from 6 back to 0: updates of layers 0 and 2 are out of proportion.",
    "The gradient grows 40× on its way from Linear 6 back to Linear 0: updates of Linear 0 and 2 are out of proportion.",
  ],
  [
    "The weights of layers 4, 0, 2 and 13 more have grown.",
    "The weights of Linear 4, 0, 2 and 13 more have grown.",
  ],
  [
    "The weights of layers 2, 0, 4 and 1 more, near the input, hardly change: they move 9 times less than those of 6.",
    "The weights of Linear 2, 0, 4 and 1 more, near the input, hardly change: they move 9 times less than those of Linear 6.",
  ],
])("layers are called by their kind: %s", (message, expected) => {
  expect(withTitles(message, NETWORK)).toBe(expected);
});

test("layers that follow each other are a range, in a list of a finding's and in one of all", () => {
  const network = ["0", "2", "4", "6", "8", "10"].map((name) => ({ name, kind: "Linear" }));
  const first = ["0", "2", "4", "6"];
  const said = "0 gets no gradient: layers 0, 2, 4 and 1 more can hardly learn.";
  expect(withTitles(said, network, first)).toBe(
    "Linear 0 gets no gradient: Linear 0–6 can hardly learn.",
  );
  expect(withTitles("Reinitialize layers 0, 2, 4 and 3 more", network, first)).toBe(
    "Reinitialize all 6 layers",
  );
  expect(withTitles(said, network, ["0", "2", "4", "8"])).toContain("Linear 0–4 and Linear 8 can");
  const named = ["fc.a", "fc.b", "fc.c", "fc.d"].map((name) => ({ name, kind: "Linear" }));
  const found = named.map(({ name }) => name);
  const all = [...named, { name: "head", kind: "Linear" }];
  expect(withTitles("No gradient in fc.a, fc.b, fc.c and 1 more.", all, found)).toBe(
    "No gradient in fc.a – fc.d.",
  );
});

test("a list with too many gaps, or of other layers, is counted", () => {
  const network = Array.from({ length: 16 }, (_, i) => ({ name: `${2 * i}`, kind: "Linear" }));
  const said = "The weights of layers 0, 4, 8 and 2 more have grown.";
  const apart = ["0", "4", "8", "12", "16"];
  const counted = "The weights of Linear 0, 4, 8 and 2 more have grown.";
  expect(withTitles(said, network, apart)).toBe(counted);
  expect(withTitles(said, network, ["0", "2", "4", "6", "8"])).toBe(counted);
});

test("a number within a number within a module is called by its kind, too", () => {
  const network = ["encoder.0.0", "encoder.1.0", "head"].map((name) => ({ name, kind: "Conv2d" }));
  expect(withTitles("encoder.0.0 gets 3.5 times less gradient than head.", network)).toBe(
    "encoder.0.Conv2d 0 gets 3.5 times less gradient than head.",
  );
  expect(withTitles("fresh weights for encoder.0.0 and encoder.1.0; lr × 0.1", network)).toBe(
    "fresh weights for encoder.0.Conv2d 0 and encoder.1.Conv2d 0; lr × 0.1",
  );
});

test("steps, counts and values stay what they are", () => {
  const message =
    "At step 120 the loss is still 1.1 (0.97 at the start), between 0 and 2 of what 4 layers had.";
  expect(withTitles(message, NETWORK)).toBe(message);
});

test("a name with a word in it is found wherever it stands, and a mixed list stays a list", () => {
  const all = [
    { name: "features.0", kind: "Conv2d" },
    { name: "1", kind: "BatchNorm1d" },
    { name: "2", kind: "Linear" },
  ];
  expect(withTitles("No gradient reaches features.0, and it is 0.5.", all)).toBe(
    "No gradient reaches features.Conv2d 0, and it is 0.5.",
  );
  expect(withTitles("It grew in layers 1 and 2.", all)).toBe("It grew in layers 1 and 2.");
});
