import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { ModelFormatError } from "../errors.ts";
import type { TextEncoding } from "./definition.ts";
import type { JsonObject } from "./json-fields.ts";
import { withoutAddedTokens } from "./json-vocabulary.ts";

/** Byte-level models with a part that ours lacks (normalizers, unusual pre-tokenizers, unknown
 *  tokens), on @huggingface/tokenizers: the same ids, but five times the memory and start-up time.
 *  @throws {ModelFormatError} the library does not accept the file; its message says why */
export function libraryEncoding(json: JsonObject): TextEncoding {
  const library = attempt(() => new LibraryTokenizer(withoutAddedTokens(json), {}));
  return (text, out) => {
    const ids = attempt(() => library.encode(text, { add_special_tokens: false }).ids);
    // The library gives undefined for a piece that its vocabulary lacks.
    for (const id of ids) if (Number.isInteger(id)) out.push(id);
  };
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelFormatError(`tokenizer.json: ${reason}`, { cause });
  }
}
