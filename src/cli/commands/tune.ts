import { openModelSource } from "../../checkpoint/open.ts";
import { BUNDLED_MODEL_NOTE, bundledModelPath } from "../../engine/bundled.ts";
import { hparamsOf } from "../../engine/hparams.ts";
import { defineCommand } from "../command.ts";
import { locateModel } from "../models/ready.ts";
import { searchSpace, tuneModel } from "../tune-model.ts";
import { describeOutcome } from "../tune-output.ts";
import { rememberTuning, tuningFor } from "../tuning.ts";

export const tune = defineCommand({
  description:
    "Measures threads, kernel targets and batch sizes, one after the other, and compares the best " +
    "with the defaults once more, in turns. What is faster than noise explains is remembered for " +
    "this CPU and models of this shape; run and the other commands then use it wherever no flag, " +
    "variable, configuration file or profile says otherwise.",
  options: ["model", "budget", "repetitions", "forget", "json"],
  examples: [
    { command: "bitnet tune -m model.gguf", says: "takes half a minute" },
    { command: "bitnet tune -m model.gguf --budget 5m", says: "leave nothing out" },
    { command: "bitnet tune -m model.gguf --forget", says: "back to the defaults" },
    { command: "bitnet info --config", says: "what is used, and where it comes from" },
  ],
  async run(context, options) {
    const { out, ui } = context;
    const path = options.model ? await locateModel(options.model) : bundledModelPath();
    if (options.model === undefined) ui.info(BUNDLED_MODEL_NOTE);
    const source = await openModelSource(path);
    if (options.forget) {
      const file = rememberTuning(source, undefined);
      return options.json
        ? out.json({ model: path, forgotten: true, file })
        : out.line("forgotten");
    }
    // That nothing can be remembered shows before the work.
    rememberTuning(source, tuningFor(source));
    const space = searchSpace(hparamsOf(source.metadata).contextLength);
    const { result, file } = await tuneModel(context, source, space, {
      passes: options.repetitions,
      seconds: options.budget,
      onLine: (line) => ui.info(line),
    });
    const { tuned } = result;
    if (options.json) {
      return out.json({
        model: path,
        defaults: space.defaults,
        ...result,
        tuned: tuned ?? null,
        file,
      });
    }
    for (const line of describeOutcome(result, file)) await out.line(line);
  },
});
