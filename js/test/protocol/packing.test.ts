import { expect, test } from "vitest";
import { decode } from "../../src/protocol/codec.ts";
import { unpacked } from "../../src/protocol/packing.ts";
import fixture from "./packing.fixture.json" with { type: "json" };

const NAMES: Record<string, number> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
};

test("what Python packed is unpacked to the same messages and numbers, bit for bit", async () => {
  const { snapshot, control, data } = await unpacked(fixture.run);
  expect(snapshot.model).toBe(fixture.model);
  expect(control.mode).toBe("closed");
  const found = decode(snapshot.blocks, data).map(({ values }) => [...values]);
  const expected = fixture.arrays.map((values) =>
    values.map((text) => NAMES[text] ?? Number(text)),
  );
  expect(found).toEqual(expected);
});

test("what is no packed run is refused", async () => {
  await expect(unpacked("AAAA")).rejects.toThrow();
});
