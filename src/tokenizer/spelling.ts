import { writeSpelled, writeUtf8 } from "./byte-alphabet.ts";
import { TOKEN_KIND } from "./token-kind.ts";

/** How a kind of vocabulary writes bytes as text. Tokens are kept as the bytes that they decode to, and
 *  typed text is brought into the same form before it is looked up. All functions write at most three
 *  bytes per UTF-16 code unit and return the end of what they wrote. */
export interface Spelling {
  /** Whether merging can yield a token of this kind. */
  isMergeable(kind: number): boolean;
  /** Bytes of text[start, end) of a mergeable token; -1 if no such token can occur. */
  writeToken(text: string, start: number, end: number, out: Uint8Array, at: number): number;
  /** Bytes that any other token decodes to. */
  writeOther(text: string, kind: number, out: Uint8Array, at: number): number;
  /** Bytes of typed text. */
  writeText(text: string, start: number, end: number, out: Uint8Array, at: number): number;
}

/** GPT-2's: tokens are spelled in the byte alphabet, all others are literal. */
export const BYTE_LEVEL: Spelling = {
  isMergeable: (kind) => kind === TOKEN_KIND.normal || kind === TOKEN_KIND.byte,
  writeToken: writeSpelled,
  writeOther: (text, _kind, out, at) => writeUtf8(text, 0, text.length, out, at),
  writeText: writeUtf8,
};

/** SentencePiece's: a space is written U+2581, and byte tokens are called <0x00> to <0xFF>. Inside,
 *  U+2581 is a space again: text in which all spaces have been replaced holds none, so nothing is lost. */
export const SENTENCE_PIECE: Spelling = {
  // User-defined tokens are merged, too: Gemma's runs of spaces are both.
  isMergeable: (kind) => kind === TOKEN_KIND.normal || kind === TOKEN_KIND.userDefined,
  writeToken: writeSpaced,
  writeOther: (text, kind, out, at) => {
    const byte = kind === TOKEN_KIND.byte ? byteOfName(text) : undefined;
    if (byte === undefined) return writeUtf8(text, 0, text.length, out, at);
    out[at] = byte;
    return at + 1;
  },
  writeText: writeSpaced,
};

/** The byte that a token's text, <0x00> to <0xFF>, names. */
export function byteOfName(text: string): number | undefined {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(text) ? Number.parseInt(text.slice(3, 5), 16) : undefined;
}

const SPACE = 0x20;
const SPACE_MARK = 0x2581;

function writeSpaced(
  text: string,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  let to = at;
  let from = start;
  for (let i = start; i < end; i++) {
    if (text.charCodeAt(i) !== SPACE_MARK) continue;
    to = writeUtf8(text, from, i, out, to);
    out[to++] = SPACE;
    from = i + 1;
  }
  return writeUtf8(text, from, end, out, to);
}
