import { UnsupportedError } from "../../errors.ts";
import { quote } from "../../gguf/quote.ts";
import type { Architecture } from "./architecture.ts";
import { BITNET, BITNET_1BITLLM } from "./bitnet.ts";
import { GEMMA3 } from "./gemma3.ts";
import { LLAMA } from "./llama.ts";
import { QWEN3 } from "./qwen3.ts";

/** Every checkpoint family that can be read. */
export const ARCHITECTURES: readonly Architecture[] = [
  BITNET,
  BITNET_1BITLLM,
  LLAMA,
  QWEN3,
  GEMMA3,
];

/** Families that GGUF files know by another name: the first uploads of BitNet b1.58 2B4T. */
const ALIASES: Readonly<Record<string, string>> = { "bitnet-25": BITNET.gguf };

/** The family of a GGUF file by its `general.architecture`; undefined when it is not known. */
export function architectureOf(family: unknown): Architecture | undefined {
  if (typeof family !== "string") return undefined;
  const name = Object.hasOwn(ALIASES, family) ? ALIASES[family] : family;
  return ARCHITECTURES.find(({ gguf }) => gguf === name);
}

/** Every kind of tensor that a model of the family may have. */
export function rulesOf({ before, layer, after, head }: Architecture) {
  return [...before, ...layer, ...after, head];
}

/** @throws {UnsupportedError} none of `classes` is known */
export function findArchitecture(classes: readonly unknown[], file: string): Architecture {
  const found = ARCHITECTURES.find((one) => one.classes.some((name) => classes.includes(name)));
  if (found) return found;
  const known = ARCHITECTURES.flatMap((one) => one.classes).join(", ");
  throw new UnsupportedError(
    `${file}: model family ${classes.map(String).map(quote).join(", ") || "(none)"} is not supported; known: ${known}`,
  );
}
