import { expect, test } from "vitest";
import { powersOf, profilePath, profileWords } from "../../src/panels/time-profile-words.ts";

test("norms over time are bars on a log axis; zero and what is not finite leave a gap", () => {
  const norms = [1e-4, 0, null, 1e-2];
  expect(powersOf(norms)).toEqual([-4, -2]);
  expect(powersOf([0, null])).toBeNull();
  expect(profilePath(norms, 40, 50).match(/M[\d.]+/g)).toEqual(["M0.00", "M30.00"]);
  expect(profilePath([0], 40, 50)).toBe("");
  expect(profileWords({ title: "dL/dh", norms: [1e-4, null] }, 7)).toBe(
    "dL/dh, step 7: 0.0001 at the first, not finite at the last of 2 time steps",
  );
});
