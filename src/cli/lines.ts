import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import { UsageError } from "../errors.ts";
import { fileError } from "../gguf/files.ts";
import { checkLineLength } from "../gguf/text.ts";
import { type PromptInput, type PromptOptions, readPrompt } from "./prompt.ts";

/** In place of a file: standard input. */
const STDIN = "-";

/** Texts to work on one by one: that of -p, or the lines of -f or of standard input. Undefined when
 *  there are none and nothing to wait for.
 *  @throws {UsageError} both -p and -f; later an empty text or line, or text that is not UTF-8
 *  @throws {NotFoundError} later: the file cannot be read */
export async function readTexts(
  options: PromptOptions,
  input: PromptInput,
): Promise<AsyncIterable<string> | undefined> {
  const { prompt, file } = options;
  if (prompt !== undefined) return only((await readPrompt(options, input)) ?? "");
  if (file !== undefined && file !== STDIN) {
    // Now, not when a model has been loaded.
    await access(file).catch((error: unknown) => {
      throw fileError(error, "read", file);
    });
    return linesOf(() => createReadStream(file), file, input);
  }
  if (file === undefined && input.stdin.isTTY) return undefined;
  return linesOf(() => input.stdin, "standard input", input);
}

async function* only(text: string): AsyncGenerator<string> {
  if (text === "") throw new UsageError("the text is empty", { hint: "give it some words" });
  yield text;
}

async function* linesOf(
  open: () => Readable,
  from: string,
  { signal }: PromptInput,
): AsyncGenerator<string> {
  let number = 0;
  for await (const line of rawLines(open, from, signal)) {
    number++;
    if (line === "") {
      // Left out, it would shift the vectors against the lines.
      throw new UsageError(`line ${number} of ${from} is empty`, { hint: "remove empty lines" });
    }
    yield line;
  }
}

/** Lines as they come, without their ends. `open` is called with the first line: a stream that nobody
 *  reads would have nobody for its errors.
 *  @throws {UsageError}    text that is not UTF-8
 *  @throws {NotFoundError} the stream cannot be read
 *  @throws {ResourceError} a line without an end */
export async function* rawLines(
  open: () => Readable,
  from: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  try {
    for await (const chunk of addAbortSignal(signal, open())) {
      const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      checkLineLength(rest, from);
      for (const line of lines) yield line.replace(/\r$/, "");
    }
    rest += decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw notUtf8(from);
    throw fileError(error, "read", from);
  }
  if (rest !== "") yield rest.replace(/\r$/, "");
}

function notUtf8(from: string): UsageError {
  return new UsageError(`${from} is not UTF-8 text`, {
    hint: "convert it first: iconv -f latin1 -t utf8",
  });
}
