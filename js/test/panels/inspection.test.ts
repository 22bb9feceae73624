// @vitest-environment jsdom
import { expect, test } from "vitest";
import { Inspection } from "../../src/panels/inspection.ts";
import { UNCONTROLLED } from "../../src/state/loop-control.ts";
import { INSPECTION, inspecting } from "../fakes.ts";

test("until there is an inspection the panel says what it waits for", async () => {
  const view = new Inspection();
  const { loop, inspector, answer } = inspecting();
  expect(view.update("body", inspector)).toBeNull();
  expect(view.node.textContent).toContain("Waiting for the kernel.");
  answer(true, "Done.");
  view.update("body", inspector);
  expect(view.node.textContent).toContain("Comes with the next step.");
  view.update("head", inspector);
  answer(false, "no layer 'head' is watched");
  view.update("head", inspector);
  expect(view.node.textContent).toContain("no layer 'head' is watched");
  loop.receive({ ...UNCONTROLLED, mode: "closed" });
  view.update("body", inspector);
  expect(view.node.textContent).toContain("Nothing is watched any more.");
  const slow = inspecting(false);
  await Promise.resolve();
  view.update("body", slow.inspector);
  expect(view.node.textContent).toContain("comes when the running cell ends");
});

test("an inspection is shown with its step, in words for screen readers, and as text alone", () => {
  const { inspector } = inspecting();
  inspector.receive(INSPECTION);
  const view = new Inspection();
  expect(view.update("body", inspector)).toBe(3);
  const images = [...view.node.querySelectorAll("svg:not([hidden])")].map((image) =>
    image.getAttribute("aria-label"),
  );
  expect(images).toEqual([
    "gradient, step 12: 9 entries from −0.500 to 0.900, no zeros, 2 NaN",
    "weight, step 12: 9 entries from −0.500 to 0.900, no zeros, none NaN or infinite",
    "dL/dh, step 11: 0.001 at the first, 0.0100 at the last of 2 time steps",
  ]);
  const text = view.node.textContent ?? "";
  for (const words of [
    "7 of 9 entries",
    "log axis",
    "✕ 2 NaN",
    "weight[0, 1] = NaN",
    "It was not seen to run",
  ]) {
    expect(text).toContain(words);
  }
  expect(view.node.querySelector("figure b:not(figcaption > b)")).toBeNull();
  expect(text).toContain("<b>after</b> tanh");
  view.update("head", inspector);
  expect(view.node.textContent).not.toContain("✕");
  expect(view.node.querySelectorAll("svg:not([hidden])").length).toBe(0);
});
