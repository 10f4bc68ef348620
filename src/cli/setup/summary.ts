import { stat } from "node:fs/promises";
import type { ModelSource } from "../../checkpoint/source.ts";
import { hparamsOf } from "../../engine/hparams.ts";
import { formatBytes } from "../../ui/format.ts";
import type { Context } from "../context.ts";
import { planMemory } from "../memory-plan.ts";
import { summarizeModel } from "../model-summary.ts";
import { availableMemory } from "../system-summary.ts";
import { ternaryFormat } from "./prepare.ts";

/** A model that is ready, as `setup --json` and `models --json` print it. Fields are only ever added. */
export interface ReadyModel {
  readonly path: string;
  readonly bytes: number;
  readonly format: string | undefined;
  readonly family: string | undefined;
  readonly parameters: number;
  readonly chatTemplate: boolean;
}

export async function describeReady(source: ModelSource): Promise<ReadyModel> {
  const { family, parameters, chatTemplate, path } = summarizeModel(source);
  const sizes = await Promise.all(source.files.map(async (file) => (await stat(file)).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { path, bytes, format: ternaryFormat(source), family, parameters, chatTemplate };
}

const CHAT_PROMPT = "Why is the sky blue?";
const TEXT_PROMPT = "The capital of France is";

/** The command that runs a model, for a shell. */
export function runCommand(
  name: string,
  { chatTemplate }: Pick<ReadyModel, "chatTemplate">,
): string {
  const prompt = chatTemplate ? `-cnv -p "${CHAT_PROMPT}"` : `-p "${TEXT_PROMPT}"`;
  return `bitnet run -m ${shellWord(name)} ${prompt}`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Says so if the model will not fit into memory with a modest context. */
export function warnOfMemory({ ui }: Context, source: ModelSource): void {
  const hparams = hparamsOf(source.metadata);
  const plan = planMemory(source, hparams, {
    contextLength: Math.min(hparams.contextLength, MODEST_CONTEXT),
    kvType: "f16",
    weights: "fast",
    headCopy: true,
    batchSize: 512,
    availableBytes: availableMemory(),
  });
  if (plan.fits) return;
  const { totalBytes, availableBytes, contextLength } = plan;
  ui.warn(
    `with ${contextLength} tokens it takes ${formatBytes(totalBytes)} of memory, and ` +
      `${formatBytes(availableBytes)} are available: close something, or run with --mmap`,
  );
}

const MODEST_CONTEXT = 2048;
