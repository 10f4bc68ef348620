import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readJson } from "../checkpoint/json.ts";
import { readSafetensors, type SafeTensor } from "../checkpoint/safetensors.ts";
import type { AddonAdapter, AddonTensor } from "../engine/binding.ts";
import { ModelFormatError, NotFoundError, UnsupportedError } from "../errors.ts";
import { fileError } from "../gguf/files.ts";
import { quote } from "../gguf/quote.ts";
import type { AdapterFile } from "./adapters.ts";
import { ggufNameOf } from "./names.ts";
import { type PeftConfig, readPeftConfig } from "./peft-config.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const PICKLE = "adapter_model.bin";

const FLOAT_ENCODINGS: Readonly<Record<string, AddonTensor["encoding"]>> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
};

/** Reads the table of an adapter as PEFT saves it. The rows of query and key are in rotate-half order,
 *  as in the checkpoint and in the engine.
 *  @throws as `openAdapters` */
export async function readPeftAdapter(folder: string): Promise<AdapterFile> {
  await checkFiles(folder);
  const config = readPeftConfig(await readJson(folder, CONFIG));
  const path = join(resolve(folder), WEIGHTS);
  const { tensors } = await readSafetensors(resolve(folder), [WEIGHTS]);
  const modules = groupByModule(path, [...tensors.values()]);
  if (modules.size === 0) throw new ModelFormatError(`${path} holds no adapter`);
  const updates = [...modules].map(([module, halves]) => toUpdate(path, module, halves, config));
  return { file: path, updates };
}

async function checkFiles(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw fileError(error, "read", folder);
  });
  if (names.includes(CONFIG) && names.includes(WEIGHTS)) return;
  if (names.includes(PICKLE) && !names.includes(WEIGHTS)) {
    throw new UnsupportedError(`${folder} holds ${PICKLE}, which can run code when it is read`, {
      hint: "save the adapter as safetensors: save_pretrained(..., safe_serialization=True)",
    });
  }
  const missing = names.includes(CONFIG) ? WEIGHTS : CONFIG;
  throw new NotFoundError(`no adapter in ${folder}: ${missing} is missing`, {
    hint: `name a folder with ${CONFIG} and ${WEIGHTS}`,
  });
}

interface Halves {
  readonly A?: SafeTensor;
  readonly B?: SafeTensor;
}

// The adapter's name (`default`) stands in files that were not saved by PEFT itself.
const LOW_RANK = /^(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight$/;

function groupByModule(path: string, tensors: readonly SafeTensor[]): Map<string, Halves> {
  const modules = new Map<string, Halves>();
  for (const tensor of tensors) {
    const [, module = "", half] = LOW_RANK.exec(tensor.name) ?? [];
    if (half === undefined) {
      // Leaving it out would give another model without a word.
      throw new UnsupportedError(
        `${path}: tensor ${quote(tensor.name)} is no low-rank update of a linear layer`,
      );
    }
    modules.set(module, { ...modules.get(module), [half]: tensor });
  }
  return modules;
}

function toUpdate(path: string, module: string, { A, B }: Halves, config: PeftConfig) {
  const target = ggufNameOf(module);
  if (!target) {
    throw new UnsupportedError(
      `${path} changes ${quote(module)}: only matrices of layers can be adapted`,
    );
  }
  const a = matrix(path, `${module}.lora_A.weight`, A);
  const b = matrix(path, `${module}.lora_B.weight`, B);
  const rank = config.rankOf(module);
  if (a.rows !== rank) {
    throw new ModelFormatError(
      `${path}: tensor ${quote(a.name)} is [${a.rows}, ${a.cols}], ${CONFIG} says rank ${rank}`,
    );
  }
  return { target, scale: config.scaleOf(module), a, b } satisfies AddonAdapter;
}

function matrix(path: string, name: string, tensor: SafeTensor | undefined): AddonTensor {
  if (!tensor) throw new ModelFormatError(`${path}: tensor ${quote(name)} is missing`);
  const encoding = FLOAT_ENCODINGS[tensor.dtype];
  if (!encoding) throw new UnsupportedError(`${path}: tensor ${quote(name)} is ${tensor.dtype}`);
  const [rows, cols, ...more] = tensor.shape;
  if (rows === undefined || cols === undefined || more.length > 0) {
    throw new ModelFormatError(
      `${path}: tensor ${quote(name)} is [${tensor.shape.join(", ")}], expected a matrix`,
    );
  }
  const { offset, bytes } = tensor;
  return { name: tensor.name, rows, cols, encoding, file: 0, offset, bytes };
}
