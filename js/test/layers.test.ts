// Who may import whom: a room imports the rooms before it, never one behind or beside it.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOMS = [
  ["util"],
  ["protocol"],
  ["state"],
  ["derive"],
  ["bars"],
  ["panels", "picture"],
  ["mount.ts"],
  ["widget.ts", "exported"],
];
const MOST_FILES = 14;

const src = fileURLToPath(new URL("../src", import.meta.url));
const paths = readdirSync(src, { recursive: true, encoding: "utf-8" }).map((path) =>
  path.replaceAll("\\", "/"),
);
const files = paths.filter((path) => path.endsWith(".ts"));
const imports = new Map(files.map((path) => [path, importsOf(path)]));

function importsOf(path: string): string[] {
  const text = readFileSync(`${src}/${path}`, "utf-8");
  const found = text.matchAll(/(?:from|import) "(\.[^"]+)"/g);
  return [...found].map(([, target]) => posix.join(posix.dirname(path), target as string));
}

function roomOf(path: string): string {
  return path.split("/")[0] as string;
}

function levelOf(path: string): number {
  return ROOMS.findIndex((rooms) => rooms.includes(roomOf(path)));
}

test("every file is in a room that has its place in the order", () => {
  expect(files.filter((path) => levelOf(path) < 0)).toEqual([]);
  expect(new Set(files.map(roomOf))).toEqual(new Set(ROOMS.flat()));
});

test("a file imports from its own room and from the rooms before it alone", () => {
  const all = [...imports].flatMap(([from, targets]) => targets.map((to) => [from, to] as const));
  expect(all.length).toBeGreaterThan(100);
  const wrong = all.filter(
    ([from, to]) => roomOf(from) !== roomOf(to) && levelOf(to) >= levelOf(from),
  );
  expect(wrong).toEqual([]);
});

test("no files import each other in a circle", () => {
  // What is left after removing files that import none of those left is in or above a circle.
  const left = new Map(imports);
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const [path, targets] of left)
      if (!targets.some((target) => left.has(target))) left.delete(path);
  }
  expect([...left.keys()]).toEqual([]);
});

test("no folder has more than 14 files", () => {
  const counts = new Map<string, number>();
  for (const path of paths.filter((name) => /\.\w+$/.test(name)))
    counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  expect([...counts].filter(([, count]) => count > MOST_FILES)).toEqual([]);
});
