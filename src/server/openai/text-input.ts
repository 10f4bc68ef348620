import { encodePrompt, type Tokenizer } from "../../tokenizer/tokenizer.ts";
import { ApiError } from "../api-error.ts";
import type { TextInput } from "../schemas/completion.ts";
import type { Echo } from "./completion-form.ts";

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

/** A prompt as it comes back: its text, and where its own tokens stand in `prompt`, which is `idsOf` it. */
export function echoOf(text: OneText, prompt: Int32Array, tokenizer: Tokenizer): Echo {
  if (typeof text !== "string") {
    return { text: tokenizer.decode(text, { special: true }), ids: prompt, before: 0 };
  }
  const { length } = tokenizer.encode(text, { special: true });
  const isBegun = prompt.length > length && prompt[0] === tokenizer.bos;
  const before = isBegun && tokenizer.addBos ? 1 : 0;
  return { text, ids: prompt.slice(before, before + length), before };
}
