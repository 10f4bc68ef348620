import { encodePrompt, type Tokenizer } from "../../tokenizer/tokenizer.ts";
import { ApiError } from "../api-error.ts";
import type { TextInput } from "../schemas/completion.ts";

/** A text or its token ids. */
export type OneText = string | readonly number[];

/** The texts of a request, one or several.
 *  @throws {ApiError} a list of different things */
export function textsOf(input: TextInput, param: string): readonly OneText[] {
  if (typeof input === "string") return [input];
  if (input.every((one) => typeof one === "number")) return [input];
  if (input.every((one) => typeof one === "string")) return input;
  if (input.every((one) => typeof one === "object")) return input;
  throw new ApiError("INVALID_INPUT", `${param}: texts or token ids, not both`, { param });
}

/** Token ids; texts may hold special tokens, for whoever sends them writes the whole input. */
export function idsOf(text: OneText, tokenizer: Tokenizer): Int32Array {
  if (typeof text !== "string") return Int32Array.from(text);
  return encodePrompt(tokenizer, text, { special: true });
}
