import { copyFile, link, mkdir, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isTernary } from "../../checkpoint/encodings.ts";
import { openModelSource } from "../../checkpoint/open.ts";
import type { Encoding, ModelSource } from "../../checkpoint/source.ts";
import { isFloat, OUT_TYPES, type OutType } from "../../convert/out-types.ts";
import { convertModel } from "../../convert/pipeline.ts";
import { loadAddon } from "../../engine/load-addon.ts";
import { UnsupportedError } from "../../errors.ts";
import type { Context } from "../context.ts";
import type { SetupLog } from "./log.ts";

export interface PrepareOptions {
  /** `--quant-type`: convert to this where the model is in another format. */
  readonly format: OutType | undefined;
  /** `--quant-embd`. */
  readonly quantEmbd: boolean;
  /** Folder for what is made. */
  readonly folder: string;
  /** Put a file that is ready into that folder, too. */
  readonly keepThere: boolean;
}

export interface Prepared {
  readonly path: string;
  readonly converted: boolean;
}

/** Formats tried for a checkpoint, the best first: Q2_0 holds scales that I2_S cannot. */
const FORMATS: readonly OutType[] = ["i2_s", "q2_0"];

/** Makes a model that runs at once out of what was fetched: a GGUF file of the wanted form. */
export async function prepareModel(
  context: Context,
  input: string,
  options: PrepareOptions,
  log: SetupLog,
): Promise<Prepared> {
  const source = await openModelSource(input);
  const format = ternaryFormat(source);
  const isReady =
    source.container === "gguf" &&
    (options.format === undefined || options.format === format) &&
    !(options.quantEmbd && hasFloatEmbeddings(source));
  if (isReady) return { path: await place(source.path, options), converted: false };
  const formats = options.format ? [options.format] : formatsFor(format);
  return { path: await convertFirst(context, source, formats, options, log), converted: true };
}

/** The format of most ternary weights; of a model without any, of most weights. */
export function ternaryFormat({ tensors }: ModelSource): Encoding | undefined {
  const bytes = new Map<Encoding, number>();
  for (const one of tensors) bytes.set(one.encoding, (bytes.get(one.encoding) ?? 0) + one.bytes);
  const ranked = [...bytes].sort((a, b) => b[1] - a[1]).map(([encoding]) => encoding);
  return ranked.find(isTernary) ?? ranked[0];
}

function hasFloatEmbeddings({ tensors }: ModelSource): boolean {
  return tensors.some(({ name, encoding }) => name === "token_embd.weight" && isFloat(encoding));
}

/** A format that is ternary already is kept where it can be written. */
function formatsFor(format: Encoding | undefined): readonly OutType[] {
  const same = (Object.keys(OUT_TYPES) as OutType[]).find((type) => OUT_TYPES[type] === format);
  if (same === undefined || same === "safetensors" || isFloat(OUT_TYPES[same])) return FORMATS;
  return [same];
}

/** The first format that holds the model without loss. */
async function convertFirst(
  context: Context,
  source: ModelSource,
  formats: readonly OutType[],
  options: PrepareOptions,
  log: SetupLog,
): Promise<string> {
  const [outtype, ...others] = formats;
  if (outtype === undefined) throw new UnsupportedError(`${source.path} cannot be converted`);
  try {
    return await convertTo(context, source, outtype, options, log);
  } catch (error) {
    if (!(error instanceof UnsupportedError) || others.length === 0) throw error;
    context.ui.info(`${outtype} cannot hold it without loss: trying ${others[0]}`);
    await log.write("convert", `${outtype}: ${error.message}`);
    return convertFirst(context, source, others, options, log);
  }
}

async function convertTo(
  { ui, signal }: Context,
  source: ModelSource,
  outtype: OutType,
  { folder, quantEmbd }: PrepareOptions,
  log: SetupLog,
): Promise<string> {
  const output = join(folder, `ggml-model-${outtype}${quantEmbd ? "-q6_k" : ""}.gguf`);
  if (await isSound(output)) {
    ui.info(`already converted: ${output}`);
    return output;
  }
  await mkdir(folder, { recursive: true });
  await log.write("convert", `${source.path} to ${output}`);
  const result = await ui.progress(`converting to ${outtype}`, `wrote ${output}`, (onProgress) =>
    convertModel(source, {
      outtype,
      embdType: quantEmbd ? "q6_k" : undefined,
      output,
      addon: loadAddon(),
      onProgress,
      signal,
    }),
  );
  for (const note of result.notes) ui.info(`note: ${note}`);
  await log.write("convert", ...Object.entries(result.tensors).map(([type, n]) => `${n} ${type}`));
  return output;
}

/** A file that is there from an earlier run, and whole: conversion gives it its name last. */
async function isSound(path: string): Promise<boolean> {
  return openModelSource(path).then(
    () => true,
    () => false,
  );
}

/** A ready file in the wanted folder: as a second name of the same bytes, or a copy. */
async function place(path: string, { folder, keepThere }: PrepareOptions): Promise<string> {
  if (!keepThere) return path;
  const target = join(folder, basename(path));
  const from = await realpath(path);
  if ((await realpath(target).catch(() => undefined)) === from) return target;
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}.tmp`;
  await rm(temporary, { force: true });
  await link(from, temporary).catch(() => copyFile(from, temporary));
  await rename(temporary, target);
  return target;
}
