import type { ModelSource } from "../../checkpoint/source.ts";
import { hparamsOf } from "../../engine/hparams.ts";
import { BitnetError, CancelledError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { searchSpace, tuneModel } from "../tune-model.ts";
import { describeOutcome } from "../tune-output.ts";
import { tunedOn } from "../tuning.ts";
import type { SetupLog } from "./log.ts";

/** A short one: `bitnet tune` takes its time. */
const LIMITS = { passes: 2, seconds: 10 };

/** Tunes a model of a shape that was not tuned on this machine. A model that cannot be measured is
 *  ready all the same. */
export async function tuneOnce(
  context: Context,
  source: ModelSource,
  log: SetupLog,
): Promise<void> {
  const { ui } = context;
  const date = tunedOn(source);
  if (date !== undefined) {
    const words = `tuned on ${date.slice(0, DAY)}: bitnet tune does it again`;
    ui.debug(words);
    return log.write("tune", words);
  }
  try {
    const space = searchSpace(hparamsOf(source.metadata).contextLength);
    const limits = { ...LIMITS, onLine: (line: string) => ui.debug(line) };
    const { result, file } = await tuneModel(context, source, space, limits);
    const lines = describeOutcome(result, file);
    for (const line of lines) ui.info(line);
    await log.write("tune", ...lines);
  } catch (error) {
    if (!(error instanceof BitnetError) || error instanceof CancelledError) throw error;
    ui.warn(`not tuned: ${error.message}`);
  }
}

const DAY = 10;
