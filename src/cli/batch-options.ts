import { UsageError } from "../errors.ts";
import { longFlag, OPTIONS, type OptionKey } from "./options.ts";
import type { Origins } from "./settings.ts";

/** Options of `run --batch`. */
export const BATCH_OPTIONS = [
  "batch",
  "answers",
  "parallel",
  "order",
  "force",
] as const satisfies readonly OptionKey[];

/** What a batch has no use for. */
const NOT_IN_BATCH = ["prompt", "file", "ndjson", "logprobs"] as const;

/** Only flags count: settings may stand in a configuration file for the runs that need them.
 *  @throws {UsageError} a flag that would do nothing */
export function checkBatch(origins: Origins, json: boolean): void {
  for (const key of NOT_IN_BATCH) {
    const flag = givenFlag(origins, key);
    if (flag) throw new UsageError(`--batch and ${flag} exclude one another`);
  }
  if (json && !givenFlag(origins, "answers")) {
    throw new UsageError("--json prints the summary of a batch and needs --output", {
      hint: "without --json, the answers themselves are printed as lines of JSON",
    });
  }
}

/** @throws {UsageError} a flag of batches without --batch */
export function checkNoBatch(origins: Origins): void {
  for (const key of BATCH_OPTIONS) {
    const flag = givenFlag(origins, key);
    if (flag) throw new UsageError(`${flag} needs --batch`, { hint: "add --batch FILE" });
  }
}

function givenFlag(origins: Origins, key: OptionKey): string | undefined {
  const flag = longFlag(OPTIONS[key].flags);
  return origins[key] === flag ? flag : undefined;
}
