import { asArray, isObject, type JsonObject } from "./json-fields.ts";

/** The steps of a byte-level pre-tokenizer, a word and a parameter each: `Split:\d`, `Digits:each`,
 *  `ByteLevel:gpt-2` (which splits, too). The one that only maps bytes to characters is left out, and
 *  digits that are looked for before it are `TextDigits`.
 *  undefined: it is not byte-level, or has a step that no known one has. */
export function jsonSteps(preTokenizer: unknown): readonly string[] | undefined {
  const steps = isObject(preTokenizer) ? flatten(preTokenizer).map(describe) : [];
  const mappings = steps.filter((step) => step?.startsWith("ByteLevel"));
  if (steps.includes(undefined) || mappings.length !== 1) return undefined;
  const mapping = steps.indexOf(mappings[0]);
  // What follows the mapping sees other characters; of such steps only those of digits are known.
  if (mappings[0] === "ByteLevel" && mapping !== steps.length - 1) return undefined;
  return steps
    .map((step, i) => (i < mapping ? step?.replace(/^Digits/, "TextDigits") : step) ?? "")
    .filter((step) => step !== "ByteLevel");
}

/** Whether a step for digits works on bytes spelled as characters: then it cuts at the bytes that are
 *  spelled as superscripts and fractions, too. */
export function digitsSeeBytes(steps: readonly string[]): boolean {
  return steps.some((step) => step.startsWith("Digits:"));
}

/** Tokens that such a step would cut apart, besides those with digits. */
export const HOLDS_NUMERIC_BYTE =
  /[\u00b2\u00b3\u00b9\u00bc-\u00be].|.[\u00b2\u00b3\u00b9\u00bc-\u00be]/s;

function flatten(step: JsonObject): readonly JsonObject[] {
  if (step["type"] !== "Sequence") return [step];
  const steps = asArray(step["pretokenizers"], "tokenizer.json: pretokenizers");
  return steps.flatMap((one) => (isObject(one) ? flatten(one) : [{}]));
}

function describe(step: JsonObject): string | undefined {
  switch (step["type"]) {
    case "ByteLevel":
      if (step["add_prefix_space"] === true) return undefined;
      return step["use_regex"] === false ? "ByteLevel" : "ByteLevel:gpt-2";
    case "Punctuation":
      return `Punctuation:${String(step["behavior"])}`;
    case "Digits":
      return step["individual_digits"] === true ? "Digits:each" : "Digits:runs";
    case "Split":
      return describeSplit(step);
    default:
      return undefined;
  }
}

function describeSplit(step: JsonObject): string | undefined {
  const pattern = isObject(step["pattern"]) ? step["pattern"]["Regex"] : undefined;
  const isPlain = step["behavior"] === "Isolated" && step["invert"] !== true;
  return isPlain && typeof pattern === "string" ? `Split:${pattern}` : undefined;
}
