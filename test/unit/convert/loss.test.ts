import { expect, test } from "vitest";
import { addLoss, describeLoss, isLoss, LossTally, NO_LOSS } from "../../../src/convert/loss.ts";

const rounded = { ...NO_LOSS, scalesRounded: 14, maxRelative: 2e-4 };
const merged = { ...NO_LOSS, scalesMerged: 1, weightsRounded: 3, maxRelative: 0.25 };

test("losses add up; the largest change counts", () => {
  expect(isLoss(NO_LOSS)).toBe(false);
  expect(isLoss(rounded)).toBe(true);
  expect(addLoss(rounded, merged)).toEqual({
    scalesRounded: 14,
    scalesMerged: 1,
    weightsRounded: 3,
    maxRelative: 0.25,
  });
});

test("a conversion that loses nothing has no report", () => {
  const tally = new LossTally();
  tally.add("a", NO_LOSS);
  expect(tally.report).toBeUndefined();
});

test("a report names how much, in how many tensors, and where most", () => {
  const tally = new LossTally();
  tally.add("first", rounded);
  tally.add("none", NO_LOSS);
  tally.add("worst", merged);
  tally.add("last", rounded);
  expect(tally.report).toMatchObject({ tensors: 3, worst: "worst", scalesRounded: 28 });
  expect(tally.report && describeLoss(tally.report)).toBe(
    "28 scales rounded, 1 scale replaced by another, 3 weights rounded in 3 tensors; " +
      "relative change up to 0.25 (worst)",
  );
  const one = new LossTally();
  one.add("only", rounded);
  expect(one.report && describeLoss(one.report)).toBe(
    "14 scales rounded in 1 tensor; relative change up to 0.00020 (only)",
  );
});
