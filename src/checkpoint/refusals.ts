import { UnsupportedError } from "../errors.ts";
import type { TensorType } from "../gguf/tensor-types.ts";
import type { Metadata } from "../gguf/types.ts";

// What is recognised and not supported. Such files would decode into fluent nonsense, or into none:
// they are refused by name.

/** Tensor types by what sets them apart from those that can be computed with. */
const TYPES: Readonly<Record<string, string>> = {
  Q1_0: "1-bit weights, which have no zero",
  Q1_0_G32: "1-bit weights, which have no zero",
  STQ1_0: "sparse ternary weights, one zero in every four",
  MXFP4: "4-bit floating-point weights",
  NVFP4: "4-bit floating-point weights",
  IQ2_BN_R4: "ternary weights with four rows interleaved for one program's kernels",
};

const FAMILIES: Readonly<Record<string, string>> = {
  qwen35: "a hybrid of attention and gated delta nets (27B Ternary-Bonsai)",
  qwen3next: "a hybrid of attention and gated delta nets",
  maple: "a ternary mixture of experts",
};

/** Keys of other contracts: pattern, what it stands for. */
const KEYS: readonly (readonly [RegExp, string])[] = [
  [
    /^prism\.hadamard\./,
    "its weights are rotated by Hadamard matrices, which the activations must be as well",
  ],
  [
    /^(gemma3|llama|qwen3)\.attention\.sliding_window$/,
    "layers that attend to a window of the text",
  ],
];

/** @throws {UnsupportedError} the model is of a kind that is known and cannot be run */
export function refuseModel(metadata: Metadata): void {
  const kind = metadata.get("general.type")?.value;
  if (kind === "adapter") {
    throw new UnsupportedError("the file is a LoRA adapter, not a model", {
      hint: "name the model it belongs to, and the adapter with --lora",
    });
  }
  const family = String(metadata.get("general.architecture")?.value);
  if (Object.hasOwn(FAMILIES, family)) {
    throw new UnsupportedError(`model family ${family} is not supported: ${FAMILIES[family]}`);
  }
  for (const key of metadata.keys()) {
    const found = KEYS.find(([pattern]) => pattern.test(key));
    if (found) throw new UnsupportedError(`files with ${key} are not supported: ${found[1]}`);
  }
}

/** The error for a tensor whose type cannot be computed with. */
export function unsupportedType(tensor: string, { name }: TensorType): UnsupportedError {
  const reason = TYPES[name] === undefined ? "" : ` (${TYPES[name]})`;
  return new UnsupportedError(`tensor type ${name} in ${tensor} is not supported${reason}`);
}
