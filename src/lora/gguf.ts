import { resolve } from "node:path";
import type { AddonAdapter, AddonTensor } from "../engine/binding.ts";
import { ModelFormatError, UnsupportedError, UsageError } from "../errors.ts";
import { quote } from "../gguf/quote.ts";
import { readGguf } from "../gguf/reader.ts";
import type { GgufFile, GgufTensor } from "../gguf/types.ts";
import type { AdapterBase, AdapterFile } from "./adapters.ts";

const FLOAT_ENCODINGS: Readonly<Record<string, AddonTensor["encoding"]>> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  Q8_0: "q8_0",
};

/** Reads the table of a GGUF adapter, as llama.cpp's convert_lora_to_gguf.py writes it: for a matrix
 *  of the base model, NAME.lora_a of ne [K, r] and NAME.lora_b of ne [r, M].
 *  @throws as `openAdapters` */
export async function readGgufAdapter(path: string, base: AdapterBase): Promise<AdapterFile> {
  const file = await readGguf(path);
  checkKind(file, base);
  const alpha = numberOf(file, "adapter.lora.alpha") ?? 0;
  const halves = new Map<string, { a?: GgufTensor; b?: GgufTensor }>();
  for (const tensor of file.tensors) {
    const [, target = "", half] = /^(.+)\.lora_([ab])$/.exec(tensor.name) ?? [];
    if (half === undefined) {
      throw new UnsupportedError(`${path}: tensor ${tensor.name} is no part of a low-rank update`);
    }
    halves.set(target, { ...halves.get(target), [half]: tensor });
  }
  if (halves.size === 0) throw new ModelFormatError(`${path} holds no adapter`);
  const updates = [...halves].map(([target, { a, b }]): AddonAdapter => {
    const [first, second] = [matrix(path, target, a, "a"), matrix(path, target, b, "b")];
    const heads = adjacentHeads(target, base);
    // As in llama.cpp: without an alpha, the user's factor alone.
    const scale = alpha === 0 ? 1 : alpha / first.rows;
    return { target, scale, a: first, b: heads ? { ...second, adjacentHeads: heads } : second };
  });
  return { file: resolve(path), updates };
}

function checkKind(file: GgufFile, { family }: AdapterBase): void {
  const text = (key: string) => file.metadata.get(key)?.value;
  const type = text("general.type");
  if (type !== "adapter") {
    throw new UsageError(`${file.path} is a model, not an adapter`, {
      hint: "name a PEFT folder, or a GGUF file made by convert_lora_to_gguf.py",
    });
  }
  const kind = text("adapter.type");
  if (kind !== "lora") {
    throw new UnsupportedError(`${file.path}: adapters of type ${quote(String(kind))} are unknown`);
  }
  if (file.metadata.has("adapter.alora.invocation_tokens")) {
    throw new UnsupportedError(
      `${file.path} is to be applied from certain tokens on only (aLoRA), which is not supported`,
    );
  }
  const made = text("general.architecture");
  if (typeof made !== "string" || kin(made) !== kin(family)) {
    throw new UsageError(
      `${file.path} is for models of family ${quote(String(made))}, this model is ${family}`,
      { hint: "name the model that the adapter was trained on" },
    );
  }
}

/** `bitnet`, `bitnet-b1.58` and `bitnet-25`: converters do not agree on the name. */
function kin(family: string): string {
  return family.startsWith("bitnet") ? "bitnet" : family;
}

function numberOf(file: GgufFile, key: string): number | undefined {
  const value = file.metadata.get(key)?.value;
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new ModelFormatError(`${file.path}: ${key} is ${String(value)}, expected a number`);
}

function matrix(
  path: string,
  target: string,
  tensor: GgufTensor | undefined,
  half: "a" | "b",
): AddonTensor {
  if (!tensor) throw new ModelFormatError(`${path}: tensor ${target}.lora_${half} is missing`);
  const { name, type, dims, offset, bytes } = tensor;
  const encoding = FLOAT_ENCODINGS[type.name];
  if (!encoding) throw new UnsupportedError(`${path}: tensor ${name} has type ${type.name}`);
  const [cols = 1, rows = 1, ...more] = dims;
  if (more.some((dim) => dim !== 1)) {
    throw new ModelFormatError(`${path}: tensor ${name} has ${dims.length} dimensions`);
  }
  return { name, rows, cols, encoding, file: 0, offset, bytes };
}

/** The converter permutes rows of query and key in the family `llama`, as it does in the model. */
function adjacentHeads(target: string, base: AdapterBase): number | undefined {
  if (base.family !== "llama") return undefined;
  if (target.endsWith(".attn_q.weight")) return base.nHeads;
  return target.endsWith(".attn_k.weight") ? base.nKvHeads : undefined;
}
