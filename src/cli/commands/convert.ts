import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { openModelSource } from "../../checkpoint/open.ts";
import { convertModel } from "../../convert/pipeline.ts";
import { loadAddon } from "../../engine/load-addon.ts";
import { UsageError } from "../../errors.ts";
import { formatBytes, formatDuration } from "../../ui/format.ts";
import { defineCommand } from "../command.ts";
import { i2sLayout } from "../i2s-layout.ts";

export const convert = defineCommand({
  description:
    "Turns a checkpoint into one GGUF model file. The checkpoint is a directory as Hugging Face " +
    "stores it (packed ternary weights, or bf16 or f32 master weights, which are ternarised), or " +
    "a GGUF file. The output appears under its name only once it is complete.",
  argument: { syntax: "<model>", help: "checkpoint directory or GGUF file" },
  options: ["output", "outtype", "embdType", "i2sLayout", "force", "json"],
  examples: [
    { command: "bitnet convert ./BitNet-b1.58-2B-4T", says: "ggml-model-i2_s.gguf beside it" },
    { command: "bitnet convert ./ckpt -o m.gguf --embd-type q6_k", says: "smaller embeddings" },
  ],
  async run({ ui, out, signal }, options, path = "") {
    const { outtype, embdType, force, json } = options;
    const source = await openModelSource(path, {
      prefer: "checkpoint",
      i2sLayout: i2sLayout(options.i2sLayout),
    });
    const output = options.output ?? (await defaultOutput(path, outtype));
    await refuseExisting(output, force);
    const startedAt = performance.now();
    const addon = loadAddon();
    const { tensors } = await ui.progress(`converting ${path}`, `wrote ${output}`, (onProgress) =>
      convertModel(source, { outtype, embdType, output, addon, onProgress, signal }),
    );
    const elapsedMs = Math.round(performance.now() - startedAt);
    const { size: bytes } = await stat(output);
    for (const note of source.notes) ui.info(`note: ${note}`);
    if (json) return out.json({ output, bytes, elapsedMs, tensors, notes: source.notes });
    await out.line(`${output}  ${formatBytes(bytes)}  ${formatDuration(elapsedMs)}`);
  },
});

/** Where bitnet.cpp's converter writes: into the checkpoint's directory. */
async function defaultOutput(path: string, outtype: string): Promise<string> {
  if ((await stat(path)).isDirectory()) return join(path, `ggml-model-${outtype}.gguf`);
  return join(dirname(path), `${basename(path).replace(/\.gguf$/, "")}-${outtype}.gguf`);
}

/** An output file is hours of somebody's work: it is replaced only when that is asked for, and a
 *  device or a pipe never (the finished file takes the place of what bears the name, so that
 *  `-o /dev/null` would take away the device). That the output is not the input is checked where
 *  the files are known. */
async function refuseExisting(output: string, force: boolean): Promise<void> {
  const existing = await stat(output).catch(() => undefined);
  if (existing === undefined) return;
  if (existing.isDirectory()) {
    throw new UsageError(`the output ${output} is a directory`, {
      hint: `name a file: -o ${join(output, "model.gguf")}`,
    });
  }
  if (!existing.isFile()) {
    throw new UsageError(`the output ${output} is not a regular file`, {
      hint: "name a file: -o model.gguf",
    });
  }
  if (!force) {
    throw new UsageError(`the output ${output} exists`, { hint: "overwrite it with --force" });
  }
}
