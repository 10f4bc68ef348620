import type { TokenBytes } from "./protocol.ts";

/** What must not follow these bytes: the code would be longer than it needs, a surrogate, or beyond the
 *  last character. Everything else that is not UTF-8 shows at once. */
const FORBIDDEN_AFTER: ReadonlyMap<number, readonly [low: number, high: number]> = new Map([
  [0xe0, [0x80, 0x9f]],
  [0xed, [0xa0, 0xbf]],
  [0xf0, [0x80, 0x8f]],
  [0xf4, [0x90, 0xbf]],
]);

/** Bytes that UTF-8 never has. */
const isNever = (byte: number) => byte === 0xc0 || byte === 0xc1 || byte > 0xf4;

/** Keeps to UTF-8, where the library asks for no more than a first byte and as many others as it says:
 *  what is not would become U+FFFD, several of them for what a grammar counts as one. */
export class Utf8Guard {
  readonly #tokens: TokenBytes;
  /** Tokens that are wrong by themselves. */
  readonly #never: readonly number[];
  /** Tokens that are wrong after a byte. */
  readonly #after = new Map<number, number[]>();

  constructor(tokens: TokenBytes) {
    this.#tokens = tokens;
    const never: number[] = [];
    for (let id = 0; id + 1 < tokens.offsets.length; id++) {
      const piece = pieceOf(tokens, id);
      if (isWrong(piece)) never.push(id);
      const [first] = piece;
      for (const [lead, [low, high]] of FORBIDDEN_AFTER) {
        if (first === undefined || first < low || first > high) continue;
        const ids = this.#after.get(lead) ?? [];
        this.#after.set(lead, ids);
        ids.push(id);
      }
    }
    this.#never = never;
  }

  /** The last byte of a text that ended with `lastByte` before these tokens. */
  lastByte(lastByte: number, tokens: readonly number[]): number {
    return tokens.reduce((last, id) => pieceOf(this.#tokens, id).at(-1) ?? last, lastByte);
  }

  /** Takes tokens out of a mask that make no UTF-8 after this byte. */
  restrict(words: Uint32Array, lastByte: number): void {
    for (const ids of [this.#never, this.#after.get(lastByte) ?? []]) {
      for (const id of ids) words[id >>> 5] = (words[id >>> 5] as number) & ~(1 << (id & 31));
    }
  }
}

function pieceOf({ bytes, offsets }: TokenBytes, id: number): Uint8Array {
  return bytes.subarray(offsets[id], offsets[id + 1]);
}

function isWrong(piece: Uint8Array): boolean {
  return piece.some((byte, i) => {
    const next = piece[i + 1];
    const range = FORBIDDEN_AFTER.get(byte);
    const isBad = range !== undefined && next !== undefined && next >= range[0] && next <= range[1];
    return isBad || isNever(byte);
  });
}
