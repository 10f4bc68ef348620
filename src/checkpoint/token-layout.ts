import { ModelFormatError } from "../errors.ts";
import { quote } from "../gguf/quote.ts";
import { isByteLevelJson } from "../tokenizer/from-json.ts";
import { markPieceKinds } from "../tokenizer/special-tokens.ts";
import { TOKEN_KIND } from "../tokenizer/token-kind.ts";
import type { AddedToken, TokenizerJson } from "./tokenizer-json.ts";

/** Tokens by id, as the arrays of a GGUF file list them. */
export interface TokenLayout {
  readonly tokens: readonly string[];
  /** Values of TOKEN_KIND. */
  readonly kinds: Uint8Array;
  readonly addedIds: ReadonlyMap<string, number>;
  readonly notes: readonly string[];
}

/** Vocabulary and added tokens by id; ids that nothing claims become unused `[PAD<id>]` tokens.
 *  @param needed  tokens with a part to play, which must be there
 *  @throws {ModelFormatError} ids beyond the vocabulary, or given twice */
export function layOutTokens(
  tokenizer: TokenizerJson,
  vocabSize: number,
  needed: readonly (string | undefined)[],
): TokenLayout {
  const tokens: (string | undefined)[] = new Array(vocabSize).fill(undefined);
  const kinds = new Uint8Array(vocabSize).fill(TOKEN_KIND.unused);
  const place = (token: string, at: number, kind: number): void => {
    if (at >= vocabSize) {
      throw new ModelFormatError(
        `tokenizer.json: token ${quote(token)} has id ${at}, vocab_size is ${vocabSize}`,
      );
    }
    if (tokens[at] !== undefined && tokens[at] !== token) {
      throw new ModelFormatError(
        `tokenizer.json: id ${at} is both ${quote(tokens[at] ?? "")} and ${quote(token)}`,
      );
    }
    tokens[at] = token;
    kinds[at] = kind;
  };
  for (const [token, at] of tokenizer.vocab) {
    place(token, at, token === tokenizer.unkToken ? TOKEN_KIND.unknown : TOKEN_KIND.normal);
  }
  // Gemma's file lists a token for images, for which text models have no row.
  const isExtra = ({ id: at, content }: AddedToken): boolean =>
    at >= vocabSize && !tokenizer.vocab.has(content) && !needed.includes(content);
  const added = tokenizer.added.filter((token) => !isExtra(token));
  for (const { content, id: at, special } of added) {
    place(content, at, special ? TOKEN_KIND.control : TOKEN_KIND.userDefined);
  }
  if (!isByteLevelJson(tokenizer.rules)) markPieceKinds(tokens, kinds, tokenizer.unkToken);
  return {
    tokens: tokens.map((token, at) => token ?? `[PAD${at}]`),
    kinds,
    addedIds: new Map(added.map(({ content, id: at }) => [content, at])),
    notes: tokenizer.added
      .filter(isExtra)
      .map(({ content }) => `token ${quote(content)} is left out: the model has no row for it`),
  };
}
