import { UsageError } from "../../errors.ts";
import { embedTexts, modelPooling } from "../../scoring/embedding.ts";
import { formatDuration, formatRate } from "../../ui/format.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { type EmbedFormat, openEmbedPrinter } from "../embed-output.ts";
import { readTexts } from "../lines.ts";
import { profileContext } from "../profile.ts";
import { expandEscapes } from "../prompt.ts";
import { LOAD_OPTIONS, loadModel } from "../run-model.ts";

export const embed = defineCommand({
  description:
    "Turns texts into vectors: the text given, or each line of a file or of standard input. Texts " +
    "with similar meanings get similar vectors if the model was trained for that.",
  argument: { syntax: "[text]", help: "text; or -p, -f, or standard input" },
  options: [
    ...LOAD_OPTIONS,
    "prompt",
    "file",
    "escape",
    "instruction",
    "pooling",
    "normalize",
    "dimensions",
    "format",
    "json",
  ],
  examples: [
    { command: 'bitnet embed -m model.gguf "a text"', says: "one vector, as JSON" },
    { command: "bitnet embed -m model.gguf -f texts.txt --format f32 > v.f32", says: "each line" },
    {
      command: "bitnet embed -e --instruction 'Instruct: Find answers.\\nQuery: ' -f queries.txt",
      says: "queries",
    },
  ],
  async run(context, options, argument) {
    const { out, signal, ui } = context;
    const format = chooseFormat(options.format, context);
    const prompt = oneText(argument, options.prompt);
    const texts = await readTexts({ ...options, prompt }, context);
    if (texts === undefined) throw noTexts(context);
    const model = await loadModel(context, options);
    try {
      const startedAt = performance.now();
      const { dModel } = model.hparams;
      const { normalize, dimensions = dModel, pooling = modelPooling(model) } = options;
      const instruction = options.escape
        ? expandEscapes(options.instruction ?? "")
        : options.instruction;
      const facts = { model: model.path, dimensions, pooling, normalized: normalize };
      const printer = openEmbedPrinter(out, format, facts);
      const contextLength = profileContext(options.profile, options.kvType, model);
      const settings = { pooling, normalize, dimensions, instruction, contextLength, signal };
      let count = 0;
      let tokens = 0;
      for await (const embedding of embedTexts(model, texts, settings)) {
        await printer.add(embedding);
        count++;
        tokens += embedding.tokens;
      }
      signal.throwIfAborted();
      await printer.done();
      const ms = performance.now() - startedAt;
      const rate = formatRate((tokens * 1000) / ms);
      ui.debug(`${count} texts, ${tokens} tokens in ${formatDuration(ms)}, ${rate} tok/s`);
    } finally {
      await model.close();
    }
  },
});

/** @throws {UsageError} a text given twice */
function oneText(argument: string | undefined, prompt: string | undefined): string | undefined {
  if (argument === undefined || prompt === undefined) return argument ?? prompt;
  throw new UsageError("a text was given twice", { hint: "give it as argument or with -p" });
}

/** @throws {UsageError} formats that exclude one another, or bytes for a terminal */
function chooseFormat(format: EmbedFormat, { out, origins }: Context): EmbedFormat {
  if (origins.json === "--json" && origins.format === "--format" && format !== "json") {
    throw new UsageError(`--json and --format ${format} exclude one another`, {
      hint: "give one of them",
    });
  }
  if (format === "f32" && out.terminal.isTty) {
    throw new UsageError("--format f32 writes bytes, which a terminal cannot show", {
      hint: "redirect the output: > vectors.f32",
    });
  }
  return format;
}

function noTexts({ ui, help }: Context): UsageError {
  ui.info(help());
  return new UsageError("no text", { hint: 'bitnet embed "...", with -f FILE or in a pipe' });
}
