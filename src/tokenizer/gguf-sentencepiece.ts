import type { Metadata } from "../gguf/types.ts";
import type { TokenizerDefinition } from "./definition.ts";
import { ggufVocabulary } from "./gguf-vocabulary.ts";
import type { MergeRules } from "./merge-rules.ts";
import { MergeTable } from "./merge-table.ts";
import { flagOf, floatsOf, stringsOf, tokenIdOf } from "./metadata-fields.ts";
import { ScoreTable } from "./score-table.ts";
import { SENTENCE_PIECE_PRE, sentencePieceEncoding } from "./sentencepiece.ts";
import { markPieceKinds } from "./special-tokens.ts";
import { SENTENCE_PIECE } from "./spelling.ts";
import { TOKEN_KIND } from "./token-kind.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Ids that llama.cpp takes for granted in such vocabularies. */
const DEFAULT_IDS = { unknown: 0, bos: 1, eos: 2 } as const;

/** Model "llama": SentencePiece's BPE, merged by scores.
 *  @param pre  what the user asked for; such vocabularies have no pre-tokenizer */
export function sentencePieceDefinition(
  metadata: Metadata,
  pre: string | undefined,
): TokenizerDefinition {
  const { texts, kinds } = ggufVocabulary(metadata);
  const unknown =
    tokenIdOf(metadata, "tokenizer.ggml.unknown_token_id") ??
    special(kinds, DEFAULT_IDS.unknown, TOKEN_KIND.unknown);
  markPieceKinds(texts, kinds, unknown === undefined ? undefined : texts[unknown]);
  const addsSpace = flagOf(metadata, "tokenizer.ggml.add_space_prefix") ?? true;
  const { merges, notes } = chooseRules(metadata, kinds);
  const spec = {
    prefix: addsSpace ? ("always" as const) : ("never" as const),
    splitsWords: false,
    unknown,
    fuseUnknown: false,
    merges,
  };
  const ignored =
    pre === undefined ? [] : [`the vocabulary has no pre-tokenizer: '${pre}' is not used`];
  return {
    texts,
    kinds,
    bos: special(kinds, DEFAULT_IDS.bos, TOKEN_KIND.control),
    eos: special(kinds, DEFAULT_IDS.eos, TOKEN_KIND.control),
    addBos: true,
    addEos: false,
    stops: [],
    chatTemplate: undefined,
    spelling: SENTENCE_PIECE,
    dropsLeadingSpace: addsSpace,
    unknown,
    pre: SENTENCE_PIECE_PRE,
    notes: [...notes, ...ignored],
    encoding: (vocabulary) => sentencePieceEncoding(vocabulary, spec),
  };
}

/** `id` if the token with this id is of this kind. */
function special(kinds: Uint8Array, id: number, kind: number): number | undefined {
  return kinds[id] === kind ? id : undefined;
}

/** By scores; where they say nothing (converters without the original model write one value for all),
 *  by the file's merges, or by ids, which are in the order of scores in Llama's vocabularies. */
function chooseRules(
  metadata: Metadata,
  kinds: Uint8Array,
): {
  readonly merges: (vocabulary: Vocabulary) => MergeRules;
  readonly notes: readonly string[];
} {
  const scores = floatsOf(metadata, "tokenizer.ggml.scores");
  if (scores && distinguishes(scores, kinds)) {
    return { merges: (vocabulary) => new ScoreTable(vocabulary, scores), notes: [] };
  }
  const missing = "tokenizer.ggml.scores does not tell tokens apart";
  const merges = stringsOf(metadata, "tokenizer.ggml.merges") ?? [];
  if (merges.length > 0) {
    const notes = [`${missing}: the merges are used`];
    return { merges: (vocabulary) => new MergeTable(vocabulary, merges), notes };
  }
  const byId = Float64Array.from(kinds, (_, id) => -id);
  const notes = [`${missing}: tokens with lower ids are merged first; ids may differ`];
  return { merges: (vocabulary) => new ScoreTable(vocabulary, byId), notes };
}

function distinguishes(scores: readonly number[], kinds: Uint8Array): boolean {
  const first = scores.find((_, id) => kinds[id] === TOKEN_KIND.normal);
  return scores.some((score, id) => kinds[id] === TOKEN_KIND.normal && score !== first);
}
