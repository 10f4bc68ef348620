import { nativeBuildsDir } from "../../config/hub.ts";
import { buildForThisCpu, type NativeResult } from "../../native/build.ts";
import { formatRate } from "../../ui/format.ts";
import type { Context } from "../context.ts";
import type { SetupLog } from "./log.ts";

/** `setup --native`: compiles, checks and times; the compiler's words go into its log. */
export async function setUpNative({ ui, signal }: Context, log: SetupLog): Promise<NativeResult> {
  const spinner = await ui.wait("compiling");
  const lines: string[] = [];
  try {
    ui.info("compiling the kernels for this CPU: a few minutes");
    const result = await buildForThisCpu({
      folder: nativeBuildsDir(process.env),
      env: process.env,
      signal,
      onLine: (line) => {
        lines.push(line);
        ui.debug(line);
      },
      onProgress: (done, total) => spinner.update(`compiling (${done} of ${total})`),
      onStep: (step) => {
        spinner.update(step);
        ui.debug(step);
      },
    });
    ui.info(describeNative(result));
    return result;
  } finally {
    spinner.stop();
    await log.write("compile", ...lines);
  }
}

/** `kept: prompts 1.04 x, tokens 1.02 x as fast as the packaged kernels (avx2), the same logits`. */
export function describeNative({
  kept,
  target,
  prefillSpeedup,
  decodeSpeedup,
}: NativeResult): string {
  const rates = `prompts ${formatRate(prefillSpeedup)} x, tokens ${formatRate(decodeSpeedup)} x`;
  const verdict = kept ? "compiled kernels kept" : "compiled kernels not kept, they are no faster";
  return `${verdict}: ${rates} as fast as the packaged ones (${target}), the same logits`;
}
