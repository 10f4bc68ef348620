import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { openModelSource } from "../../checkpoint/open.ts";
import { describeLoss } from "../../convert/loss.ts";
import { type ConvertResult, convertModel } from "../../convert/pipeline.ts";
import { loadAddon } from "../../engine/load-addon.ts";
import { UsageError } from "../../errors.ts";
import { formatBytes, formatDuration } from "../../ui/format.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { i2sLayout } from "../i2s-layout.ts";
import {
  describeMerge,
  type MergeCost,
  measureMerged,
  measureUnmerged,
  openMerge,
} from "../merge.ts";
import { locateModel } from "../models/ready.ts";
import { describeVerification } from "../verification-text.ts";

export const convert = defineCommand({
  description:
    "Turns a model into another form: a checkpoint as Hugging Face stores it (packed ternary " +
    "weights, bf16 or f32 master weights, which are ternarised, or ternary weights written as " +
    "numbers) or a GGUF file, into a GGUF file or a packed checkpoint. Trits never change; if " +
    "a scale would, nothing is written unless --allow-lossy says so. The output appears under " +
    "its name only once it is complete.",
  argument: { syntax: "<model>", help: "checkpoint directory or GGUF file" },
  options: [
    "output",
    "outtype",
    "embdType",
    "i2sLayout",
    "tlTiles",
    "mergeLora",
    "text",
    "allowLossy",
    "verify",
    "force",
    "json",
  ],
  examples: [
    { command: "bitnet convert ./BitNet-b1.58-2B-4T", says: "ggml-model-i2_s.gguf beside it" },
    { command: "bitnet convert ./ckpt -o m.gguf --embd-type q6_k", says: "smaller embeddings" },
    { command: "bitnet convert m.gguf --outtype tl2 --verify", says: "and prove that it is whole" },
    { command: "bitnet convert m.gguf --outtype safetensors -o ./ckpt", says: "back again" },
    {
      command: "bitnet convert ./masters --merge-lora ./adapter",
      says: "a fine-tune in 1.58 bits",
    },
  ],
  async run(context, options, name = "") {
    const path = await locateModel(name);
    if (path !== name && options.output === undefined) {
      throw new UsageError(`${name} is in the cache: name the output`, { hint: "-o model.gguf" });
    }
    const { ui, signal } = context;
    const { outtype, embdType, tlTiles, allowLossy, verify, force } = options;
    const source = await openModelSource(path, {
      prefer: "checkpoint",
      i2sLayout: i2sLayout(options.i2sLayout),
      tlTiles,
    });
    const merging = await openMerge(options, source, context);
    const output = options.output ?? (await defaultOutput(path, outtype));
    await refuseExisting(output, { force, isFolder: outtype === "safetensors" });
    const unmerged = merging && (await measureUnmerged(context, source, merging));
    const startedAt = performance.now();
    const addon = loadAddon();
    const result = await ui.progress(`converting ${path}`, `wrote ${output}`, (onProgress) =>
      convertModel(source, {
        outtype,
        embdType,
        output,
        addon,
        tlTiles,
        allowLossy,
        merge: merging?.merge,
        verify,
        onProgress,
        signal,
      }),
    );
    const elapsedMs = Math.round(performance.now() - startedAt);
    const merged = unmerged && (await measureMerged(context, output, merging));
    const cost = unmerged && merged ? { ...unmerged, merged } : undefined;
    const notes = [...source.notes, ...result.notes];
    await report(context, { ...result, notes, elapsedMs, cost }, options.json);
  },
});

interface Report extends ConvertResult {
  readonly elapsedMs: number;
  readonly cost: MergeCost | undefined;
}

async function report({ ui, out }: Context, done: Report, json: boolean): Promise<void> {
  const { output, elapsedMs, tensors, notes, loss, verification, merged, cost } = done;
  const bytes = await sizeOf(output);
  for (const note of notes) ui.info(`note: ${note}`);
  if (loss) ui.warn(`lossy: ${describeLoss(loss)}`);
  if (json) {
    const merge = merged && { ...merged, perplexity: cost ?? null };
    return out.json({ output, bytes, elapsedMs, tensors, notes, loss, verification, merge });
  }
  for (const line of verification ? describeVerification(verification) : []) ui.info(line);
  for (const line of merged ? describeMerge(merged, cost) : []) ui.info(line);
  await out.line(`${output}  ${formatBytes(bytes)}  ${formatDuration(elapsedMs)}`);
}

/** Where bitnet.cpp's converter writes: into the checkpoint's directory. A checkpoint gets a directory
 *  of its own. */
async function defaultOutput(path: string, outtype: string): Promise<string> {
  const isFolder = (await stat(path)).isDirectory();
  const stem = path.replace(/\/+$/, "").replace(/\.gguf$/, "");
  if (outtype === "safetensors") return `${stem}-packed`;
  if (isFolder) return join(path, `ggml-model-${outtype}.gguf`);
  return join(dirname(path), `${basename(stem)}-${outtype}.gguf`);
}

/** An output file is hours of somebody's work: it is replaced only when that is asked for, and a
 *  device or a pipe never (the finished file takes the place of what bears the name, so that
 *  `-o /dev/null` would take away the device). That the output is not the input is checked where
 *  the files are known. */
async function refuseExisting(
  output: string,
  { force, isFolder }: { readonly force: boolean; readonly isFolder: boolean },
): Promise<void> {
  const existing = await stat(output).catch(() => undefined);
  if (existing === undefined) return;
  if (isFolder !== existing.isDirectory()) {
    const example = isFolder ? "./checkpoint" : join(output, "model.gguf");
    const wanted = isFolder ? `name a directory: -o ${example}` : `name a file: -o ${example}`;
    const other = isFolder ? "is not a directory" : "is a directory";
    throw new UsageError(`the output ${output} ${other}`, { hint: wanted });
  }
  if (!isFolder && !existing.isFile()) {
    throw new UsageError(`the output ${output} is not a regular file`, {
      hint: "name a file: -o model.gguf",
    });
  }
  const isEmpty = isFolder && (await readdir(output)).length === 0;
  if (!force && !isEmpty) {
    throw new UsageError(`the output ${output} exists`, { hint: "overwrite it with --force" });
  }
}

/** Bytes of a file, or of all files directly in a folder. */
async function sizeOf(output: string): Promise<number> {
  const found = await stat(output);
  if (!found.isDirectory()) return found.size;
  const entries = await Promise.all(
    (await readdir(output)).map((name) => stat(join(output, name))),
  );
  return entries.reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
}
