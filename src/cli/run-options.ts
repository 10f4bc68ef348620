import type { Message } from "../chat/messages.ts";
import { ResourceError, UsageError } from "../errors.ts";
import { readTextFile } from "../gguf/text.ts";
import { longFlag, OPTIONS } from "./options.ts";
import { expandEscapes } from "./prompt.ts";
import type { Origins } from "./settings.ts";

export type RunFormat = "text" | "json" | "ndjson";

export interface FormatFlags {
  readonly json: boolean;
  readonly ndjson: boolean;
  readonly logprobs: number | undefined;
}

/** @throws {UsageError} formats that exclude one another, or log-probabilities without a place */
export function chooseFormat({ json, ndjson, logprobs }: FormatFlags): RunFormat {
  if (json && ndjson) {
    throw new UsageError("--json and --ndjson exclude one another", { hint: "give one of them" });
  }
  if (logprobs !== undefined && !json && !ndjson) {
    throw new UsageError("--logprobs needs --json or --ndjson", { hint: "add --json" });
  }
  if (json) return "json";
  return ndjson ? "ndjson" : "text";
}

/** Only flags count: settings may stand in a configuration file for the runs that need them.
 *  @throws {UsageError} a system message or a template that nothing would use */
export function checkConversation(origins: Origins, conversation: boolean): void {
  if (conversation) return;
  for (const key of ["system", "chatTemplate"] as const) {
    const flag = longFlag(OPTIONS[key].flags);
    if (origins[key] !== flag) continue;
    throw new UsageError(`${flag} needs --conversation`, { hint: "add -cnv" });
  }
}

/** One user message, after a system message if there is one. */
export function asConversation(prompt: string, system: string | undefined): readonly Message[] {
  const user: Message = { role: "user", content: prompt };
  return system === undefined ? [user] : [{ role: "system", content: system }, user];
}

/** The text of a template file; a name of a built-in template, or a template, as it is.
 *  @throws {ResourceError} a file without an end */
export async function readTemplate(nameOrFile: string | undefined): Promise<string | undefined> {
  if (nameOrFile === undefined) return undefined;
  return readTextFile(nameOrFile).catch((error: unknown) => {
    if (error instanceof ResourceError) throw error;
    return nameOrFile;
  });
}

export function expandAll(texts: readonly string[], wanted: boolean): readonly string[] {
  return wanted ? texts.map(expandEscapes) : texts;
}
