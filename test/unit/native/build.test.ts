import { expect, it } from "vitest";
import { isFaster } from "../../../src/native/build.ts";

it.each([
  [1.1, 1.1, true],
  [1.0, 1.05, true],
  [0.99, 1.05, true],
  [1.0, 1.01, false],
  [0.78, 1.77, false],
  [1.5, 0.9, false],
])(
  "a build with prompts x %d and tokens x %d is faster: %s",
  (prefillSpeedup, decodeSpeedup, faster) => {
    expect(isFaster({ prefillSpeedup, decodeSpeedup })).toBe(faster);
  },
);
