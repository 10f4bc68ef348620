import { ModelFormatError } from "../errors.ts";
import type { Metadata } from "../gguf/types.ts";
import { integersOf, stringsOf } from "./metadata-fields.ts";
import { TOKEN_KIND } from "./token-kind.ts";

/** Tokens and kinds of the `tokenizer.ggml.*` arrays.
 *  @throws {ModelFormatError} there are none, or not of the right type */
export function ggufVocabulary(metadata: Metadata): {
  readonly texts: readonly string[];
  readonly kinds: Uint8Array;
} {
  const texts = stringsOf(metadata, "tokenizer.ggml.tokens");
  if (!texts) throw new ModelFormatError("no vocabulary: tokenizer.ggml.tokens is missing");
  const types = integersOf(metadata, "tokenizer.ggml.token_type");
  return { texts, kinds: toKinds(types, texts.length) };
}

/** Type 0, "undefined", and absent types count as normal. */
function toKinds(types: readonly number[] | undefined, count: number): Uint8Array {
  if (!types) return new Uint8Array(count).fill(TOKEN_KIND.normal);
  return new Uint8Array(types).map((type) => type || TOKEN_KIND.normal);
}
