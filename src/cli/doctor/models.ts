import { ChatTemplate } from "../../chat/template.ts";
import { openModelSource } from "../../checkpoint/open.ts";
import type { ModelSource } from "../../checkpoint/source.ts";
import { hparamsOf } from "../../engine/hparams.ts";
import { BitnetError, UnsupportedError } from "../../errors.ts";
import { tokenizerFromMetadata } from "../../tokenizer/from-gguf.ts";
import type { Context } from "../context.ts";
import { layoutOf } from "../i2s-layout.ts";
import { probeLayouts } from "../probe.ts";
import { broken, type Finding, ok, skipped, warning } from "./finding.ts";

export interface ModelCheckOptions {
  /** Run I2_S files in every layout that they may have. */
  readonly probe: boolean;
}

/** What is known to be wrong with files of models. */
export async function* checkModel(
  context: Context,
  path: string,
  options: ModelCheckOptions,
): AsyncGenerator<Finding> {
  const check = `model.${path}`;
  let source: ModelSource;
  let notes: readonly string[];
  try {
    source = await openModelSource(path);
    const { family } = hparamsOf(source.metadata);
    const tokenizer = tokenizerFromMetadata(source.metadata);
    notes = [...source.notes, ...tokenizer.notes, ...templateNotes(tokenizer, family)];
  } catch (error) {
    if (!(error instanceof BitnetError)) throw error;
    yield broken(
      check,
      `${path}: ${error.message}`,
      error.hint ?? "download it again: bitnet setup",
    );
    return;
  }
  for (const note of notes) yield warning(check, `${path}: ${note}`, fixOf(note));
  yield* checkLayout(context, source, options);
  if (notes.length === 0) yield ok(check, `${path}: header, tokenizer and chat template are fine`);
}

function templateNotes(
  tokenizer: ReturnType<typeof tokenizerFromMetadata>,
  architecture: string,
): readonly string[] {
  try {
    return new ChatTemplate({ tokenizer, architecture }).notes;
  } catch (error) {
    if (error instanceof UnsupportedError) return []; // a model for texts, which is no fault
    throw error;
  }
}

/** Our programs mend these by themselves; others do not. */
const FIXES: readonly (readonly [note: RegExp, fix: string])[] = [
  [
    /tokenizer\.ggml\.pre/,
    "nothing here; other programs need --override-kv tokenizer.ggml.pre=...",
  ],
  [/chat template/, "nothing here; elsewhere, or for another one: --chat-template NAME|FILE"],
];

function fixOf(note: string): string {
  return (
    FIXES.find(([pattern]) => pattern.test(note))?.[1] ?? "nothing: it is corrected on loading"
  );
}

async function* checkLayout(
  context: Context,
  source: ModelSource,
  { probe }: ModelCheckOptions,
): AsyncGenerator<Finding> {
  const { path } = source;
  const check = `layout.${path}`;
  if (layoutOf(source) === undefined) return;
  if (!probe) {
    const message = `${path}: nothing in an I2_S file says which layout its weights have`;
    return yield skipped(check, message, `bitnet doctor ${path} --probe`);
  }
  const { setting, fits } = await probeLayouts(context, source, undefined, {});
  if (fits === setting) return yield ok(check, `${path}: the weights have the layout ${setting}`);
  if (fits === null) {
    const message = `${path}: no layout gives text that makes sense`;
    return yield warning(check, message, `bitnet info ${path} --probe --text FILE`);
  }
  const message = `${path}: the weights have the layout ${fits}, and are read as ${setting}`;
  yield broken(check, message, `bitnet convert ${path} --i2s-layout ${fits}`);
}
