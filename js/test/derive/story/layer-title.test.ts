import { expect, test } from "vitest";
import { titleOf, titlesOf } from "../../../src/derive/story/layer-title.ts";

function linear(...names: string[]) {
  return names.map((name) => ({ name, kind: "Linear" }));
}

function texts(names: string[], all: { name: string; kind: string }[]): string[] {
  return titlesOf(names, all).map(({ text }) => text);
}

test("a layer that only has a number is called by its kind and number", () => {
  const titles = linear("0", "features.3", "fc1", "layer1.0.conv1").map(titleOf);
  expect(titles).toEqual(["Linear 0", "features.Linear 3", "fc1", "layer1.0.conv1"]);
});

test("a weight that is a layer by itself is called as the code calls it", () => {
  const weights = ["W.0", "W.1", "W.2"].map((name) => ({ name, kind: "Parameter" }));
  expect(weights.map(titleOf)).toEqual(["W.0", "W.1", "W.2"]);
  expect(texts(["W.0", "W.1", "W.2"], weights)).toEqual(["W.0–2"]);
});

test("layers that follow each other in the network are a range from three on", () => {
  const all = linear("0", "2", "4", "6", "8", "10");
  expect(texts(["4", "2", "0", "10"], all)).toEqual(["Linear 0–4", "Linear 10"]);
  expect(texts(["0", "2"], all)).toEqual(["Linear 0", "Linear 2"]);
  expect(titlesOf(["4", "0", "2"], all)[0]?.names).toEqual(["0", "2", "4"]);
});

test("layers of several kinds or names are a range from the first to the last", () => {
  const mixed = [...linear("0"), { name: "1", kind: "BatchNorm1d" }, ...linear("3", "5")];
  expect(texts(["0", "1", "3"], mixed)).toEqual(["Linear 0 – Linear 3"]);
  expect(texts(["hidden1", "hidden2", "hidden3"], linear("hidden1", "hidden2", "hidden3"))).toEqual(
    ["hidden1–3"],
  );
});

test("a layer that has no row is named all the same", () => {
  expect(texts(["gone", "0"], linear("0"))).toEqual(["Linear 0", "gone"]);
});
