import { ModelFormatError } from "../errors.ts";
import { MAX_RANKS, type MergeRules, NO_MERGE } from "./merge-rules.ts";
import type { Spelling } from "./spelling.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** "left right", as GGUF and older tokenizer.json write a merge, or the two apart. */
export type Merge = string | readonly [string, string];

const SLOT = 3; // left, right, rank

/** The merges of a BPE model: (left id, right id) to rank and rank to merged id. 12 bytes per slot, at
 *  most two thirds of them taken: 6 MB for Llama 3's 280 k merges. */
export class MergeTable implements MergeRules {
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #results: Int32Array;

  /** @throws {ModelFormatError} a merge of tokens that the vocabulary lacks */
  constructor(vocabulary: Vocabulary, merges: readonly Merge[]) {
    if (merges.length > MAX_RANKS) {
      throw new ModelFormatError(`vocabulary: ${merges.length} merges, at most ${MAX_RANKS}`);
    }
    let size = 16;
    while (size < merges.length * 1.5) size *= 2;
    this.#mask = size - 1;
    this.#slots = new Int32Array(size * SLOT).fill(-1);
    this.#results = new Int32Array(merges.length);
    const scratch = new Uint8Array(longest(merges) * 3);
    for (let rank = 0; rank < merges.length; rank++) {
      this.#add(vocabulary, merges[rank] as Merge, rank, scratch);
    }
  }

  rank(left: number, right: number): number {
    const slots = this.#slots;
    let slot = pairHash(left, right) & this.#mask;
    for (;;) {
      const at = slot * SLOT;
      const key = slots[at] as number;
      if (key === left && slots[at + 1] === right) return slots[at + 2] as number;
      if (key < 0) return NO_MERGE;
      slot = (slot + 1) & this.#mask;
    }
  }

  result(rank: number): number {
    return this.#results[rank] as number;
  }

  #add(vocabulary: Vocabulary, merge: Merge, rank: number, scratch: Uint8Array): void {
    const { spelling } = vocabulary;
    const middle = writeLeft(spelling, merge, scratch);
    const end = middle < 0 ? -1 : writeRight(spelling, merge, scratch, middle);
    const left = end < 0 ? -1 : vocabulary.find(scratch, 0, middle);
    const right = end < 0 ? -1 : vocabulary.find(scratch, middle, end);
    const result = end < 0 ? -1 : vocabulary.find(scratch, 0, end);
    if (left >= 0 && right >= 0 && result >= 0) {
      this.#results[rank] = result;
      this.#insert(left, right, rank);
    } else {
      checkSkippable(vocabulary, merge, rank);
    }
  }

  /** Of equal pairs the last one counts, as in Hugging Face's tokenizers. */
  #insert(left: number, right: number, rank: number): void {
    const slots = this.#slots;
    let slot = pairHash(left, right) & this.#mask;
    for (;;) {
      const at = slot * SLOT;
      const free = (slots[at] as number) < 0;
      if (free || (slots[at] === left && slots[at + 1] === right)) {
        slots[at] = left;
        slots[at + 1] = right;
        slots[at + 2] = rank;
        return;
      }
      slot = (slot + 1) & this.#mask;
    }
  }
}

/** A merge of or to a special token is left out: typed text must not become one. */
function checkSkippable(vocabulary: Vocabulary, merge: Merge, rank: number): void {
  const [left = "", right = ""] = typeof merge === "string" ? merge.split(" ", 2) : merge;
  if ([left, right, left + right].some((text) => vocabulary.isSetApart(text))) return;
  const shown = JSON.stringify(`${left} ${right}`.slice(0, 80));
  throw new ModelFormatError(`vocabulary: merge ${rank}, ${shown}, is not of tokens in it`);
}

function longest(merges: readonly Merge[]): number {
  let most = 0;
  for (const merge of merges) {
    const units = typeof merge === "string" ? merge.length : merge[0].length + merge[1].length;
    if (units > most) most = units;
  }
  return most;
}

function writeLeft(spelling: Spelling, merge: Merge, out: Uint8Array): number {
  if (typeof merge !== "string") return spelling.writeToken(merge[0], 0, merge[0].length, out, 0);
  // No token has a space in its spelling, so the first one is the separator.
  const space = merge.indexOf(" ");
  return space < 0 ? -1 : spelling.writeToken(merge, 0, space, out, 0);
}

function writeRight(spelling: Spelling, merge: Merge, out: Uint8Array, at: number): number {
  if (typeof merge !== "string") return spelling.writeToken(merge[1], 0, merge[1].length, out, at);
  return spelling.writeToken(merge, merge.indexOf(" ") + 1, merge.length, out, at);
}

function pairHash(left: number, right: number): number {
  // Two odd constants with well-spread bits (golden ratio; Murmur 3); the high bits are the mixed ones.
  const h = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  return h ^ (h >>> 15);
}
