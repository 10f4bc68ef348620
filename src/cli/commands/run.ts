import { UsageError } from "../../errors.ts";
import { BATCH_OPTIONS, checkNoBatch } from "../batch-options.ts";
import { defineCommand } from "../command.ts";
import { constraintOf, readConstraint } from "../constraint.ts";
import type { Context } from "../context.ts";
import { readPrompt } from "../prompt.ts";
import { encode, GENERATE_OPTIONS, generate, loadModel, MODEL_OPTIONS } from "../run-model.ts";
import { checkConversation, chooseFormat } from "../run-options.ts";
import {
  describeEnding,
  describeRun,
  openRunPrinter,
  type RunSummary,
  summarizeRun,
} from "../run-output.ts";
import { givenSeed } from "../sampling.ts";

/** Exit status of a text that a limit cut short of its schema or grammar. */
const INCOMPLETE = 1;

export const run = defineCommand({
  description:
    "Generates text after a prompt. Standard output carries the generated text alone; everything " +
    "else goes to standard error. Without -p and -f the prompt is read from standard input.",
  options: [
    ...MODEL_OPTIONS,
    "prompt",
    "file",
    ...GENERATE_OPTIONS,
    ...BATCH_OPTIONS,
    "json",
    "ndjson",
  ],
  examples: [
    { command: 'bitnet run -m model.gguf -p "Once upon a time" -n 64', says: "continue a text" },
    { command: 'bitnet run -m model.gguf -cnv -p "Why is the sky blue?"', says: "ask" },
    { command: "git diff | bitnet run -cnv -sys 'Explain this change.'", says: "read a pipe" },
    { command: "bitnet run -p hi --temp 0 --json", says: "likeliest tokens, as JSON" },
    { command: "bitnet run -cnv -p 'A city?' --json-schema s.json", says: "valid JSON" },
    { command: "bitnet run --batch in.jsonl -o out.jsonl", says: "many; again to go on" },
    { command: "bitnet run -m model.gguf --lora ./adapter:0.5 -p hi", says: "half an adapter" },
  ],
  async run(context, options) {
    if (options.batch !== undefined) {
      const { runBatch } = await import("../run-batch.ts");
      return runBatch(context, { ...options, batch: options.batch });
    }
    checkNoBatch(context.origins);
    const format = chooseFormat(options);
    checkConversation(context.origins, options.conversation);
    const spec = await readConstraint(options);
    const prompt = await readPrompt(options, context);
    if (prompt === undefined) throw noPrompt(context);
    const startedAt = performance.now();
    const model = await loadModel(context, options);
    try {
      const loadMs = performance.now() - startedAt;
      context.signal.throwIfAborted();
      const constraint = await constraintOf(model, spec);
      const tokens = await encode(context, model, prompt, options);
      const printer = openRunPrinter(context.out, format);
      const result = await generate(
        context,
        model,
        tokens,
        { ...options, constraint },
        printer.chunk,
      );
      const facts = { model: model.path, seed: givenSeed(options.seed), loadMs };
      const summary = summarizeRun(result, facts);
      await printer.done(summary);
      showStatistics(context, summary);
      if (summary.complete === false) warnIncomplete(context, summary);
    } finally {
      await model.close();
    }
  },
});

/** Whoever asked for a form must not take half of it for the whole. */
function warnIncomplete({ ui }: Context, summary: RunSummary): void {
  ui.warn(`the text is not whole: ${describeEnding(summary)}`);
  process.exitCode = INCOMPLETE;
}

/** People see the figures; scripts ask for them. */
function showStatistics({ ui }: Context, summary: RunSummary): void {
  const line = describeRun(summary);
  if (ui.terminal.isTty) ui.info(ui.style.dim(line));
  else ui.debug(line);
  ui.debug(`seed ${summary.seed}`);
}

function noPrompt({ ui, help }: Context): UsageError {
  ui.info(help());
  return new UsageError("no prompt", { hint: 'pass it with -p "...", with -f FILE or in a pipe' });
}
