import { BytePairEncoder } from "./bpe.ts";
import type { TextEncoding } from "./definition.ts";
import type { MergeRules } from "./merge-rules.ts";
import { PieceCutter } from "./piece-cutter.ts";
import { CharacterSymbols } from "./symbols.ts";
import { TOKEN_KIND } from "./token-kind.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Where a space is put before text:
 *  always   at the beginning, and after each token that was found by its spelling
 *  missing  there, too, but only if the text does not begin with one
 *  first    as `missing`, but only at the very beginning
 *  never    nowhere */
export type SpacePrefix = "always" | "missing" | "first" | "never";

export interface SentencePieceSpec {
  readonly prefix: SpacePrefix;
  /** Each space begins a piece: no token holds one after another character, or two of them. */
  readonly splitsWords: boolean;
  /** Stands for what the vocabulary cannot spell. */
  readonly unknown: number | undefined;
  readonly fuseUnknown: boolean;
  readonly merges: (vocabulary: Vocabulary) => MergeRules;
}

/** What `tokenizer.ggml.pre` says in files with such vocabularies, for which it means nothing. */
export const SENTENCE_PIECE_PRE = "default";

const SPACE = 0x20;

/** A buffer of this many bytes is kept; longer texts get one of their own. */
const SCRATCH_BYTES = 1 << 16;

/** SentencePiece's byte-pair encoding: no expression cuts the text, merging starts from characters,
 *  and a character without a token falls back to byte tokens. `vocabulary` is spelled SENTENCE_PIECE.
 *  @throws {ModelFormatError} what `spec.merges` throws */
export function sentencePieceEncoding(
  vocabulary: Vocabulary,
  spec: SentencePieceSpec,
): TextEncoding {
  const { unknown, fuseUnknown } = spec;
  const byteTokens = findByteTokens(vocabulary);
  const symbols = new CharacterSymbols(vocabulary, { byteTokens, unknown, fuseUnknown });
  const encoder = new BytePairEncoder(vocabulary, spec.merges(vocabulary), symbols, false);
  // Where unknown characters are to be fused, cutting between them makes a difference.
  const wherePossible = !(fuseUnknown && byteTokens.includes(-1));
  const cutter = new PieceCutter(vocabulary, { wherePossible, atWords: spec.splitsWords });
  const scratch = new Uint8Array(SCRATCH_BYTES);
  return (text, out, continues) => {
    const most = text.length * 3 + 1;
    const bytes = most > scratch.length ? new Uint8Array(most) : scratch;
    bytes[0] = SPACE;
    const end = vocabulary.spelling.writeText(text, 0, text.length, bytes, 1);
    let start = needsPrefix(spec.prefix, bytes[1] === SPACE, continues) ? 0 : 1;
    while (start < end) {
      const next = cutter.next(bytes, start, end);
      encoder.encode(bytes, start, next, out);
      start = next;
    }
  };
}

function needsPrefix(prefix: SpacePrefix, hasSpace: boolean, continues: boolean): boolean {
  if (prefix === "always") return true;
  if (prefix === "never" || hasSpace) return false;
  return prefix === "missing" || !continues;
}

function findByteTokens(vocabulary: Vocabulary): Int32Array {
  const tokens = new Int32Array(256).fill(-1);
  for (let id = 0; id < vocabulary.size; id++) {
    if (vocabulary.kind(id) !== TOKEN_KIND.byte) continue;
    const bytes = vocabulary.bytes(id);
    const byte = bytes[0] as number;
    if (bytes.length === 1 && (tokens[byte] as number) < 0) tokens[byte] = id;
  }
  return tokens;
}
