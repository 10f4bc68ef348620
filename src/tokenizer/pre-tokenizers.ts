import { UnsupportedError, UsageError } from "../errors.ts";

/** How text is cut into the pieces that byte-pair encoding then works on, and the rules that
 *  llama.cpp ties to the same name. */
export interface PreTokenizerSpec {
  /** Value of `tokenizer.ggml.pre`. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** Applied in order, each to the pieces of the one before. `\s` is Unicode White_Space here. */
  readonly patterns: readonly string[];
  /** The same in tokenizer.json files: sequences of steps as json-pre-tokenizer.ts writes them, one
   *  step a line. */
  readonly json?: readonly string[];
  /** Take a piece that is a token as it is, whatever the merges say. */
  readonly ignoreMerges?: boolean;
  /** BOS is added when `tokenizer.ggml.add_bos_token` says nothing. */
  readonly addBos?: boolean;
}

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`;
const GPT2_JSON = ["ByteLevel:gpt-2", `Split:${GPT2}|\\s+`];

/** Punctuation as the tokenizers library has it: of Unicode, and the rest of ASCII's. */
const PUNCTUATION = "[\\p{P}$+<=>^~|`]+";
const PUNCTUATION_JSON = [
  "Punctuation:Contiguous",
  `Split:${PUNCTUATION}`,
  "Split:[\\p{P}\\$\\+<=>\\^~\\|`]+",
];
const DIGIT_JSON = [
  "Split:[0-9]",
  "Digits:each",
  "Digits:each\nSplit:[0-9]",
  "Digits:runs\nSplit:[0-9]",
];

/** The text that stands before and after the digits rule of Llama 3 and Qwen 2. */
const CONTRACTIONS = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
const CONTRACTIONS_JSON = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const LETTERS = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const REST = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const LLAMA3 = {
  patterns: [`${CONTRACTIONS}|${LETTERS}|\\p{N}{1,3}|${REST}`],
  json: [`Split:${CONTRACTIONS_JSON}|${LETTERS}|\\p{N}{1,3}|${REST}`],
};

/** Pre-tokenizers by name; a new one is one row. */
export const PRE_TOKENIZERS: readonly PreTokenizerSpec[] = [
  {
    name: "llama-bpe",
    aliases: ["llama3", "llama-v3"],
    ...LLAMA3,
    ignoreMerges: true,
    addBos: true,
  },
  { name: "dbrx", aliases: ["smaug-bpe"], ...LLAMA3 },
  {
    name: "qwen2",
    patterns: [`${CONTRACTIONS}|${LETTERS}|\\p{N}|${REST}`],
    json: [`Split:${CONTRACTIONS_JSON}|${LETTERS}|\\p{N}|${REST}`],
  },
  { name: "gpt-2", aliases: ["olmo"], patterns: [GPT2], json: GPT2_JSON },
  {
    name: "falcon3",
    aliases: ["falcon_e"],
    patterns: [PUNCTUATION, GPT2, "[0-9]"],
    json: sequences(PUNCTUATION_JSON, GPT2_JSON, DIGIT_JSON),
  },
  { name: "falcon", patterns: [PUNCTUATION, GPT2, "[0-9][0-9][0-9]"] },
  {
    name: "default",
    patterns: ["[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"],
  },
];

/** Finds a row by name or alias. */
export function findPreTokenizer(name: string): PreTokenizerSpec | undefined {
  return PRE_TOKENIZERS.find((row) => row.name === name || row.aliases?.includes(name));
}

/** Finds the rows whose steps these are: more than one where they differ in other rules. */
export function findByJsonSteps(steps: readonly string[]): readonly PreTokenizerSpec[] {
  const sequence = steps.join("\n");
  return PRE_TOKENIZERS.filter(({ json }) => json?.includes(sequence));
}

/** The row that the user named.
 *  @throws {UsageError} no such row */
export function requestedPreTokenizer(name: string): PreTokenizerSpec {
  const found = findPreTokenizer(name);
  if (found) return found;
  throw new UsageError(`unknown pre-tokenizer '${name}'`, { hint: `known: ${knownNames()}` });
}

/** The row that a model file names.
 *  @throws {UnsupportedError} no such row */
export function declaredPreTokenizer(name: string): PreTokenizerSpec {
  const found = findPreTokenizer(name);
  if (found) return found;
  const shown = JSON.stringify(name.slice(0, 80));
  throw new UnsupportedError(`pre-tokenizer ${shown} is not supported`, {
    hint: `a near one may do; known: ${knownNames()}`,
  });
}

function knownNames(): string {
  return PRE_TOKENIZERS.map((row) => row.name).join(", ");
}

/** All sequences of one spelling of each step. */
function sequences(first: readonly string[], ...others: (readonly string[])[]): string[] {
  return others.reduce<string[]>(
    (starts, next) => starts.flatMap((start) => next.map((step) => `${start}\n${step}`)),
    [...first],
  );
}
