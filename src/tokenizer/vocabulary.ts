import { ModelFormatError } from "../errors.ts";
import { BYTE_LEVEL, type Spelling } from "./spelling.ts";
import { TOKEN_KIND } from "./token-kind.ts";

/** More than any published vocabulary (about 260 k); bounds what a hostile file can make us allocate. */
export const MAX_VOCABULARY = 1 << 22;

const HASH_SEED = 0x811c9dc5; // FNV-1a, 32 bits
const HASH_PRIME = 0x01000193;

/** The tokens of a vocabulary as flat arrays: their bytes, kinds, and a hash from bytes to id. About
 *  30 bytes per token, where a Map of strings takes 150. */
export class Vocabulary {
  readonly size: number;
  readonly spelling: Spelling;
  readonly #kinds: Uint8Array;
  /** All tokens' bytes, one after another; token i is [offsets[i], offsets[i + 1]). */
  readonly #bytes: Uint8Array;
  readonly #offsets: Uint32Array;
  /** Open addressing, ids or -1. Holds mergeable tokens only: typed text never finds a special one. */
  readonly #table: Int32Array;
  /** Texts of all other tokens. */
  readonly #setApart = new Set<string>();
  /** Bytes of the longest mergeable token. */
  #longest = 0;
  #scratch = new Uint8Array(256);

  /** @param texts  by id, mergeable tokens as `spelling` has them; undefined: no such token
   *  @param kinds  by id, values of TOKEN_KIND
   *  @throws {ModelFormatError} two ordinary tokens are equal */
  constructor(
    texts: readonly (string | undefined)[],
    kinds: Uint8Array,
    spelling: Spelling = BYTE_LEVEL,
  ) {
    this.size = texts.length;
    this.spelling = spelling;
    this.#kinds = kinds;
    this.#offsets = new Uint32Array(this.size + 1);
    this.#table = new Int32Array(tableSize(this.size)).fill(-1);
    let units = 0;
    for (const text of texts) units += text?.length ?? 0;
    // Most characters are one byte; some take three. Trimmed below.
    const bytes = new Uint8Array(units * 3);
    this.#bytes = bytes;
    let end = 0;
    for (let id = 0; id < this.size; id++) {
      const text = texts[id] ?? "";
      const start = end;
      const kind = kinds[id] as number;
      const merges = spelling.isMergeable(kind);
      if (!merges) this.#setApart.add(text);
      const written = merges ? spelling.writeToken(text, 0, text.length, bytes, start) : -1;
      end = written < 0 ? spelling.writeOther(text, kind, bytes, start) : written;
      this.#offsets[id + 1] = end;
      if (written <= start) continue;
      this.#longest = Math.max(this.#longest, end - start);
      this.#insert(id);
    }
    this.#bytes = bytes.slice(0, end);
  }

  /** Value of TOKEN_KIND; `unused` for an id outside the vocabulary. */
  kind(id: number): number {
    return this.#kinds[id] ?? TOKEN_KIND.unused;
  }

  isMergeable(id: number): boolean {
    return this.spelling.isMergeable(this.kind(id));
  }

  /** The bytes of a token; a view, not to be written to. Empty for an id outside the vocabulary. */
  bytes(id: number): Uint8Array {
    if (!(id >= 0 && id < this.size)) return this.#bytes.subarray(0, 0);
    return this.#bytes.subarray(this.#offsets[id], this.#offsets[id + 1]);
  }

  /** Whether this is the text of a token that cannot come out of merging (special, unused, ...). */
  isSetApart(text: string): boolean {
    return this.#setApart.has(text);
  }

  /** The mergeable token made of exactly bytes[start, end), or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    let slot = finish(hash(HASH_SEED, bytes, start, end)) & mask;
    for (;;) {
      const id = table[slot] as number;
      if (id < 0 || this.#equals(id, bytes, start, end)) return id;
      slot = (slot + 1) & mask;
    }
  }

  /** The mergeable token made of the bytes of two others, or -1. */
  findJoined(left: number, right: number): number {
    const own = this.#bytes;
    const start = this.#offsets[left] as number;
    const middle = this.#offsets[left + 1] as number;
    const from = this.#offsets[right] as number;
    const end = this.#offsets[right + 1] as number;
    const length = middle - start + end - from;
    if (length > this.#longest) return -1;
    const table = this.#table;
    const mask = table.length - 1;
    let slot = finish(hash(hash(HASH_SEED, own, start, middle), own, from, end)) & mask;
    for (;;) {
      const id = table[slot] as number;
      if (id < 0) return id;
      const at = this.#offsets[id] as number;
      if (
        (this.#offsets[id + 1] as number) - at === length &&
        equal(own, at, own, start, middle) &&
        equal(own, at + middle - start, own, from, end)
      ) {
        return id;
      }
      slot = (slot + 1) & mask;
    }
  }

  /** The mergeable token that typed text is, or -1. */
  findText(text: string): number {
    if (text.length * 3 > this.#scratch.length) this.#scratch = new Uint8Array(text.length * 6);
    const end = this.spelling.writeText(text, 0, text.length, this.#scratch, 0);
    return this.find(this.#scratch, 0, end);
  }

  #equals(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.#offsets[id] as number;
    if ((this.#offsets[id + 1] as number) - at !== end - start) return false;
    return equal(this.#bytes, at, bytes, start, end);
  }

  #insert(id: number): void {
    const start = this.#offsets[id] as number;
    const end = this.#offsets[id + 1] as number;
    const mask = this.#table.length - 1;
    let slot = finish(hash(HASH_SEED, this.#bytes, start, end)) & mask;
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

/** A power of two that leaves the table at most half full. */
function tableSize(entries: number): number {
  let size = 16;
  while (size < entries * 2) size *= 2;
  return size;
}

/** Goes on with a hash; two stretches of bytes hash as their concatenation does. */
function hash(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let h = seed;
  for (let i = start; i < end; i++) h = Math.imul(h ^ (bytes[i] as number), HASH_PRIME);
  return h;
}

/** FNV's low bits depend on the low bits of the input alone; the table uses the low bits. */
function finish(h: number): number {
  return h ^ (h >>> 15);
}

/** Whether bytes[at, ...) equal others[start, end). */
function equal(
  bytes: Uint8Array,
  at: number,
  others: Uint8Array,
  start: number,
  end: number,
): boolean {
  for (let i = start; i < end; i++) {
    if (bytes[at + i - start] !== others[i]) return false;
  }
  return true;
}
