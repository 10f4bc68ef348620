import type { Readable } from "node:stream";
import { UsageError } from "../errors.ts";
import { readBytesOfText, readWhole } from "../gguf/text.ts";

/** In place of a text or a file: standard input. */
const STDIN = "-";

export interface PromptOptions {
  readonly prompt: string | undefined;
  readonly file: string | undefined;
  readonly escape: boolean;
}

export interface PromptInput {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly signal: AbortSignal;
}

/** The prompt from -p, -f or standard input; undefined when there is none and nothing to wait for.
 *  One line feed at the end of a file or of standard input is not part of the prompt.
 *  @throws {UsageError}    both -p and -f, or text that is not UTF-8
 *  @throws {NotFoundError} the file cannot be read
 *  @throws {ResourceError} a text without an end */
export async function readPrompt(
  options: PromptOptions,
  input: PromptInput,
): Promise<string | undefined> {
  const { prompt, file } = options;
  if (prompt !== undefined && file !== undefined) {
    throw new UsageError("--prompt and --file exclude one another", { hint: "give one of them" });
  }
  if (prompt === STDIN || file === STDIN) return readStdin(input);
  if (file !== undefined) return decode(await readBytesOfText(file, input.signal), file);
  if (prompt !== undefined) return options.escape ? expandEscapes(prompt) : prompt;
  if (input.stdin.isTTY) return undefined;
  return (await readStdin(input)) || undefined;
}

/** The text of `--text`, from a file or standard input; undefined when nobody gave one.
 *  @throws as `readPrompt` */
export async function readSample(
  file: string | undefined,
  input: PromptInput,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return readPrompt({ prompt: undefined, file, escape: false }, input);
}

async function readStdin({ stdin, signal }: PromptInput): Promise<string> {
  return decode(await readWhole(stdin, "standard input", { signal }), "standard input");
}

function decode(bytes: Buffer, from: string): string {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    return decoder.decode(bytes).replace(/\r?\n$/, "");
  } catch {
    throw new UsageError(`the text from ${from} is not UTF-8`, {
      hint: "convert it first: iconv -f latin1 -t utf8",
    });
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

/** `\n` and the like as llama.cpp reads them; an unknown escape stays as it is. */
export function expandEscapes(text: string): string {
  return text.replace(/\\(.)/gs, (whole, letter: string) => ESCAPES[letter] ?? whole);
}
