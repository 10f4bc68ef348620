import { ModelFormatError } from "../errors.ts";
import { writeSpelled, writeUtf8 } from "./byte-alphabet.ts";

/** Token types of `tokenizer.ggml.token_type`. */
export const TOKEN_KIND = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

/** More than any published vocabulary (about 260 k); bounds what a hostile file can make us allocate. */
export const MAX_VOCABULARY = 1 << 22;

const HASH_SEED = 0x811c9dc5; // FNV-1a, 32 bits
const HASH_PRIME = 0x01000193;

/** The tokens of a byte-level vocabulary as flat arrays: their bytes, kinds, and a hash from bytes to
 *  id. About 30 bytes per token, where a Map of strings takes 150. */
export class Vocabulary {
  readonly size: number;
  readonly #kinds: Uint8Array;
  /** All tokens' bytes, one after another; token i is [offsets[i], offsets[i + 1]). */
  readonly #bytes: Uint8Array;
  readonly #offsets: Uint32Array;
  /** Open addressing, ids or -1. Holds ordinary tokens only: typed text never finds a special one. */
  readonly #table: Int32Array;
  /** Texts of all other tokens. */
  readonly #setApart = new Set<string>();

  /** @param texts  by id; ordinary tokens in the byte alphabet, others literal; undefined: no such token
   *  @param kinds  by id, values of TOKEN_KIND
   *  @throws {ModelFormatError} two ordinary tokens are equal */
  constructor(texts: readonly (string | undefined)[], kinds: Uint8Array) {
    this.size = texts.length;
    this.#kinds = kinds;
    this.#offsets = new Uint32Array(this.size + 1);
    this.#table = new Int32Array(tableSize(this.size)).fill(-1);
    let units = 0;
    for (const text of texts) units += text?.length ?? 0;
    // A spelled character is one byte; only literal texts take up to three. Trimmed below.
    const bytes = new Uint8Array(units * 3);
    this.#bytes = bytes;
    let end = 0;
    for (let id = 0; id < this.size; id++) {
      const text = texts[id] ?? "";
      const start = end;
      const ordinary = isOrdinary(kinds[id]);
      if (!ordinary) this.#setApart.add(text);
      const spelled = ordinary ? writeSpelled(text, 0, text.length, bytes, start) : -1;
      end = spelled < 0 ? writeUtf8(text, 0, text.length, bytes, start) : spelled;
      this.#offsets[id + 1] = end;
      if (spelled > start) this.#insert(id);
    }
    this.#bytes = bytes.slice(0, end);
  }

  /** Value of TOKEN_KIND; `unused` for an id outside the vocabulary. */
  kind(id: number): number {
    return this.#kinds[id] ?? TOKEN_KIND.unused;
  }

  /** The bytes of a token; a view, not to be written to. Empty for an id outside the vocabulary. */
  bytes(id: number): Uint8Array {
    if (!(id >= 0 && id < this.size)) return this.#bytes.subarray(0, 0);
    return this.#bytes.subarray(this.#offsets[id], this.#offsets[id + 1]);
  }

  /** Whether this is the text of a token that is not ordinary (special, added, unused). */
  isSetApart(text: string): boolean {
    return this.#setApart.has(text);
  }

  /** The ordinary token made of exactly bytes[start, end), or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    let slot = hash(bytes, start, end) & mask;
    for (;;) {
      const id = table[slot] as number;
      if (id < 0 || this.#equals(id, bytes, start, end)) return id;
      slot = (slot + 1) & mask;
    }
  }

  #equals(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.#offsets[id] as number;
    if ((this.#offsets[id + 1] as number) - at !== end - start) return false;
    const own = this.#bytes;
    for (let i = 0; i < end - start; i++) {
      if (own[at + i] !== bytes[start + i]) return false;
    }
    return true;
  }

  #insert(id: number): void {
    const start = this.#offsets[id] as number;
    const end = this.#offsets[id + 1] as number;
    const mask = this.#table.length - 1;
    let slot = hash(this.#bytes, start, end) & mask;
    for (;;) {
      const other = this.#table[slot] as number;
      if (other < 0) break;
      if (this.#equals(other, this.#bytes, start, end)) {
        throw new ModelFormatError(`vocabulary: tokens ${other} and ${id} are the same`);
      }
      slot = (slot + 1) & mask;
    }
    this.#table[slot] = id;
  }
}

function isOrdinary(kind: number | undefined): boolean {
  return kind === TOKEN_KIND.normal || kind === TOKEN_KIND.byte;
}

/** A power of two that leaves the table at most half full. */
function tableSize(entries: number): number {
  let size = 16;
  while (size < entries * 2) size *= 2;
  return size;
}

function hash(bytes: Uint8Array, start: number, end: number): number {
  let h = HASH_SEED;
  for (let i = start; i < end; i++) h = Math.imul(h ^ (bytes[i] as number), HASH_PRIME);
  // FNV's low bits depend on the low bits of the input alone; the table uses the low bits.
  return h ^ (h >>> 15);
}
