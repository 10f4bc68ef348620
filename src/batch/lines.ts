import { createReadStream } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import { UsageError } from "../errors.ts";
import { fileError } from "../gguf/files.ts";
import { checkLineLength } from "../gguf/text.ts";

/** A line of a file and its number, from 1. */
export interface Line {
  readonly text: string;
  readonly number: number;
}

/** Where lines come from; a file may be read several times. */
export interface LineSource {
  /** For messages. */
  readonly name: string;
  readonly open: () => Readable;
}

export function fileLines(path: string): LineSource {
  return { name: path, open: () => createReadStream(path) };
}

/** Lines that hold something, as they come; the last one needs no line feed.
 *  @throws {UsageError}    text that is not UTF-8
 *  @throws {NotFoundError} it cannot be read
 *  @throws {ResourceError} a line without an end
 *  @throws what `signal` is aborted with */
export async function* readLines(
  { name, open }: LineSource,
  signal: AbortSignal,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = 0;
  let rest = "";
  try {
    for await (const chunk of addAbortSignal(signal, open())) {
      const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      checkLineLength(rest, name);
      for (const text of lines) {
        number += 1;
        if (text.trim() !== "") yield { text, number };
      }
    }
    rest += decoder.decode();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TypeError) {
      throw new UsageError(`${name} is not UTF-8 text`, {
        hint: "convert it first: iconv -f latin1 -t utf8",
      });
    }
    throw fileError(error, "read", name);
  }
  if (rest.trim() !== "") yield { text: rest, number: number + 1 };
}
