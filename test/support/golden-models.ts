import { openModelSource } from "../../src/checkpoint/open.ts";
import type { ModelSource } from "../../src/checkpoint/source.ts";
import type { ActivationMode, AddonModel, AddonModelSpec } from "../../src/engine/binding.ts";
import { rowsOf } from "./compare.ts";
import { type EngineOptions, evaluateAll, loadAddon } from "./engine.ts";
import { type GoldenSequence, goldenModel, goldenPath, goldenSequences } from "./golden.ts";
import { hparamsOfConfig } from "./hf-hparams.ts";

/** Of every golden model. */
export const VOCAB_SIZE = 512;

/** A golden model in one of its containers. */
export interface GoldenForm {
  readonly name: string;
  /** Whose logits are recorded: `logits/<model>.json`. */
  readonly model: string;
  /** Its checkpoint, under test/golden; every model has one. */
  readonly checkpoint: string;
  readonly config: "config.json" | "config.yarn.json";
  /** The GGUF file under test/golden; without one, the form is the checkpoint. */
  readonly gguf?: string;
}

function formsOf(model: string, checkpoint: string, ggufs: readonly string[]): GoldenForm[] {
  const config = model === "d-yarn" ? "config.yarn.json" : "config.json";
  const same = { model, checkpoint, config } as const;
  return [
    { name: `${model}, ${checkpoint}`, ...same },
    ...ggufs.map((gguf) => ({ name: `${model}, ${gguf}`, gguf: `gguf/${gguf}`, ...same })),
  ];
}

/** Every golden model but a, which has tests of its own, in every container. */
const GOLDEN_FORMS: readonly GoldenForm[] = [
  ...formsOf("b", "models/b", ["b.i2_s.gguf"]),
  ...formsOf("b2", "models/b2", ["b2.i2_s.gguf"]),
  ...formsOf("c", "models/c", ["c.i2_s.gguf"]),
  ...formsOf("c2", "models/c2", ["c2.i2_s.gguf"]),
  ...formsOf("d", "models/d", ["d.pq2_0.gguf", "d.q2_0.gguf", "d.ptq1_0.gguf"]),
  ...formsOf("d-yarn", "models/d", ["d-yarn.pq2_0.gguf"]),
  ...formsOf("e", "models/e", ["e.i2_s.gguf"]),
];

/** Where a form lies, as users have it: weights expanded, and the right config.json. */
export function pathOfForm({ gguf, checkpoint, config }: GoldenForm): string {
  return gguf === undefined ? goldenModel(checkpoint, config) : goldenPath(gguf);
}

export function openForm(form: GoldenForm): Promise<ModelSource> {
  return openModelSource(pathOfForm(form));
}

/** What a form may be loaded with. */
export interface FormOptions extends EngineOptions {
  readonly activationMode?: ActivationMode;
}

/** What the engine is asked to load; the hyper-parameters come from the checkpoint's config.json, read
 *  apart from the code under test. */
export async function specOfForm(
  form: GoldenForm,
  options: FormOptions = {},
): Promise<AddonModelSpec> {
  const { files, tensors } = await openForm(form);
  const { activationMode, ...engine } = options;
  const hparams = hparamsOfConfig(goldenModel(form.checkpoint), form.config);
  return {
    kvType: "f32",
    threads: 2,
    batchSize: 512,
    mmap: false,
    ...engine,
    files,
    tensors,
    hparams: { ...hparams, ...(activationMode && { activationMode }) },
  };
}

export async function loadForm(form: GoldenForm, options: FormOptions = {}): Promise<AddonModel> {
  return loadAddon().loadModel(await specOfForm(form, options));
}

/** Loads a form, hands it to `use` and closes it. */
export async function withForm<T>(
  form: GoldenForm,
  options: FormOptions,
  use: (model: AddonModel) => Promise<T>,
): Promise<T> {
  const model = await loadForm(form, options);
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

/** The forms of a model, or of all. */
export function goldenForms(model?: string): readonly GoldenForm[] {
  const found = GOLDEN_FORMS.filter((form) => model === undefined || form.model === model);
  if (found.length === 0) throw new Error(`no golden model ${model}`);
  return found;
}

/** The mode in which a model is defined: d was made for inputs as they are. */
export function exactMode({ model }: GoldenForm): FormOptions {
  return model.startsWith("d") ? { activationMode: "floats" } : {};
}

/** The recorded sequences of a form in that mode. */
export function sequencesOf({ model }: GoldenForm): GoldenSequence[] {
  return goldenSequences(model, model.startsWith("d") ? "none" : "default");
}

export async function logitsOf(model: AddonModel, ids: readonly number[]): Promise<Float32Array[]> {
  return rowsOf(await evaluateAll(model, [ids]), VOCAB_SIZE);
}
