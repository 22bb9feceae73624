// @vitest-environment jsdom
import { expect, test } from "vitest";
import { Processes } from "../../src/panels/processes.ts";
import { NO_PROCESSES, Store } from "../../src/state/store.ts";

const TWO = {
  summary: "2 processes · rank 1: first not finite: step 31 (input)",
  notes: ["Gradients are of 2 processes."],
  ranks: [
    { rank: 0, loss: "0.69", time: "12 ms", remarks: "" },
    { rank: 1, loss: "nan", time: "", remarks: "first not finite: step 31 (input)" },
  ],
  rest: "",
};

test("of one process there is nothing to see", () => {
  const panel = new Processes();
  panel.update(new Store("Net").processes);
  expect(panel.node.hidden).toBe(true);
  expect(NO_PROCESSES.summary).toBe("");
});

test("of several there is one line that opens, with a row for each", () => {
  const panel = new Processes();
  panel.update(TWO);
  expect(panel.node.hidden).toBe(false);
  expect((panel.node as HTMLDetailsElement).open).toBe(false);
  expect(panel.node.querySelector("summary")?.textContent).toBe(TWO.summary);
  const rows = [...panel.node.querySelectorAll("tbody tr")].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  );
  expect(rows).toEqual([
    ["0", "0.69", "12 ms", ""],
    ["1", "nan", "", "first not finite: step 31 (input)"],
  ]);
});

test("of a process that judges nothing there is what it says instead, and no table", () => {
  const panel = new Processes();
  panel.update({ ...TWO, notes: ["Rank 0 judges."], ranks: [], rest: "and 3 more" });
  expect([...panel.node.querySelectorAll("p")].map((one) => one.textContent)).toEqual([
    "Rank 0 judges.",
    "and 3 more",
  ]);
  expect(panel.node.querySelector("table")).toBeNull();
});
