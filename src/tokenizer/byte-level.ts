import { ModelFormatError } from "../errors.ts";
import { BytePairEncoder } from "./bpe.ts";
import { writeUtf8 } from "./byte-alphabet.ts";
import type { TextEncoding } from "./definition.ts";
import { type Merge, MergeTable } from "./merge-table.ts";
import { PreTokenizer } from "./pre-tokenizer.ts";
import { ByteSymbols } from "./symbols.ts";
import type { Vocabulary } from "./vocabulary.ts";

export const NORMALIZATIONS = ["NFC", "NFD", "NFKC", "NFKD"] as const;

/** Unicode normalization of text before it is cut. */
export type Normalization = (typeof NORMALIZATIONS)[number];

export interface ByteLevelSpec {
  readonly patterns: readonly string[];
  readonly merges: readonly Merge[];
  readonly ignoreMerges: boolean;
  readonly normalization?: Normalization;
}

/** Our byte-level BPE over a compact vocabulary (docs/adr: compact tokenizer).
 *  @throws {ModelFormatError} merges of unknown tokens, or a byte without a token */
export function byteLevelEncoding(vocabulary: Vocabulary, spec: ByteLevelSpec): TextEncoding {
  const missing = missingByte(vocabulary);
  if (missing !== undefined) {
    const byte = `0x${missing.toString(16).padStart(2, "0")}`;
    throw new ModelFormatError(`vocabulary: no token for byte ${byte}`);
  }
  const preTokenizer = new PreTokenizer(spec.patterns);
  const { normalization, ignoreMerges } = spec;
  const merges = new MergeTable(vocabulary, spec.merges);
  const encoder = new BytePairEncoder(
    vocabulary,
    merges,
    new ByteSymbols(vocabulary),
    ignoreMerges,
  );
  let scratch = new Uint8Array(1024);
  return (raw, out) => {
    const text = normalization ? raw.normalize(normalization) : raw;
    let start = 0;
    for (const end of preTokenizer.split(text)) {
      const most = (end - start) * 3;
      if (most > scratch.length) scratch = new Uint8Array(most * 2);
      encoder.encode(scratch, 0, writeUtf8(text, start, end, scratch, 0), out);
      start = end;
    }
  };
}

/** A byte of UTF-8 that the vocabulary has no token for. */
export function missingByte(vocabulary: Vocabulary): number | undefined {
  for (let byte = 0; byte < 256; byte++) {
    // 0xC0, 0xC1 and 0xF5 to 0xFF occur in no valid text; some vocabularies leave them out.
    const occurs = byte < 0xc0 || (byte > 0xc1 && byte < 0xf5);
    if (occurs && vocabulary.find(Uint8Array.of(byte), 0, 1) < 0) return byte;
  }
  return undefined;
}
