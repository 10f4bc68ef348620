import { expect, it } from "vitest";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import { machineSize } from "../../../src/cli/machine.ts";
import { checkProfileMemory } from "../../../src/cli/profile.ts";
import { memoryLimit } from "../../../src/config/profiles.ts";
import { ResourceError } from "../../../src/errors.ts";
import { goldenPath } from "../../support/golden.ts";

it("a profile bounds what all models of a command take together", async () => {
  const source = await openModelSource(goldenPath("gguf/a.i2_s.gguf"));
  const common = { kvType: "f16", weights: "fast", batchSize: 512, headCopy: true } as const;
  const flags = { ...common, profile: "mobile" } as const;
  const limit = memoryLimit("mobile", machineSize());
  checkProfileMemory(source, flags);
  checkProfileMemory(source, flags, limit / 2);
  expect(() => checkProfileMemory(source, flags, limit - 1)).toThrow(ResourceError);
  checkProfileMemory(source, { ...common, profile: undefined }, limit - 1);
});
