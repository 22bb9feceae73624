import { expect, test } from "vitest";
import { groupsAround, type RowSpec, rowsFor } from "../../src/derive/grouping.ts";

const nothing = (): boolean => false;
const unchosen = new Map<string, boolean>();

function transformer(blocks: number): string[] {
  const inside = ["norm1", "attn.q", "attn.k", "attn.v", "attn.out", "norm2", "mlp.0", "mlp.2"];
  const names = Array.from({ length: blocks }, (_, i) =>
    inside.map((name) => `encoder.layers.${i}.${name}`),
  ).flat();
  return ["embed", ...names, "head"];
}

function labels(rows: RowSpec[]): string[] {
  return rows.map(({ label }) => label);
}

test("few layers are rows of their own", () => {
  expect(rowsFor(transformer(4), nothing, unchosen).every(({ open }) => open === undefined)).toBe(
    true,
  );
});

test("many layers are grouped as far as fits", () => {
  const rows = rowsFor(transformer(24), nothing, unchosen);
  expect(rows.length).toBeLessThanOrEqual(64);
  expect(labels(rows).slice(0, 4)).toEqual(["embed", "encoder.layers", "0", "1"]);
  expect(rows[2]).toMatchObject({ key: "encoder.layers.0", depth: 1, open: false });
});

test("every layer stands in exactly one row that is not an open group", () => {
  const names = transformer(100);
  const shown = rowsFor(names, (layer) => layer % 37 === 0, unchosen).filter(
    ({ open }) => open !== true,
  );
  expect(shown.flatMap(({ layers }) => layers).sort((a, b) => a - b)).toEqual(
    names.map((_, i) => i),
  );
});

test("a group in which a layer is wrong is open down to that layer", () => {
  const names = transformer(24);
  const bad = names.indexOf("encoder.layers.17.attn.k");
  const rows = rowsFor(names, (layer) => layer === bad, unchosen);
  expect(rows.some(({ layers, open }) => open === undefined && layers[0] === bad)).toBe(true);
});

test("where everything is wrong groups stay closed rather than make a thousand rows", () => {
  expect(rowsFor(transformer(125), () => true, unchosen).length).toBeLessThanOrEqual(160);
});

test("the reader's own choice counts first", () => {
  const names = transformer(24);
  const closed = rowsFor(names, () => true, new Map([["encoder.layers", false]]));
  expect(labels(closed)).toEqual(["embed", "encoder.layers", "head"]);
  const opened = rowsFor(names, nothing, new Map([["encoder.layers.3", true]]));
  expect(labels(opened)).toContain("norm2");
});

test("a layer that has layers inside is a member of its own group", () => {
  const names = ["block", ...Array.from({ length: 80 }, (_, i) => `block.${i}`), "head"];
  const rows = rowsFor(names, nothing, new Map([["block", true]]));
  expect(rows.filter(({ label }) => label === "(itself)").map(({ layers }) => layers)).toEqual([
    [0],
  ]);
});

test("containers with a single member are joined with it", () => {
  const names = Array.from({ length: 70 }, (_, i) => `model.backbone.stages.${i}.conv`);
  const rows = rowsFor(["stem", ...names], nothing, unchosen);
  expect(rows.map(({ key }) => key)).toContain("model.backbone.stages");
});

/** A chain without any blocks. */
function flat(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `body.${i}`);
}

test("a flat chain of a thousand layers is some ranges, which cover it in order", () => {
  const rows = rowsFor(flat(1000), nothing, unchosen);
  expect(rows).toHaveLength(20);
  expect(rows[0]).toMatchObject({ key: "body.0–49", label: "body.0–49", open: false });
  expect(rows.flatMap(({ layers }) => layers)).toEqual(flat(1000).map((_, i) => i));
});

test("the one range in which something is wrong is open", () => {
  const rows = rowsFor(flat(1000), (layer) => layer === 512, unchosen);
  expect(rows.filter(({ open }) => open === true).map(({ key }) => key)).toEqual(["body.500–549"]);
  expect(rows.map(({ key }) => key)).toContain("body.512");
});

test("where half of a network is wrong, the range with the border is open, the others are not", () => {
  const rows = rowsFor(flat(1000), (layer) => layer < 512, unchosen);
  expect(rows.filter(({ open }) => open === true).map(({ key }) => key)).toEqual(["body.500–549"]);
  expect(rows).toHaveLength(70);
});

test("blocks that are very many are in ranges, too", () => {
  const rows = rowsFor(transformer(125), nothing, unchosen);
  expect(labels(rows).slice(0, 4)).toEqual(["embed", "encoder.layers", "0–4", "5–9"]);
});

test("the groups around a layer are those that have to be open for its row", () => {
  const names = transformer(125);
  const layer = names.indexOf("encoder.layers.17.attn.k");
  const around = groupsAround(names, layer);
  expect(around).toEqual([
    "encoder.layers",
    "encoder.layers.15–19",
    "encoder.layers.17",
    "encoder.layers.17.attn",
  ]);
  const chosen = new Map(around.map((key) => [key, true]));
  expect(rowsFor(names, nothing, chosen).map(({ key }) => key)).toContain(names[layer]);
  expect(groupsAround(flat(20), 3)).toEqual([]);
});
