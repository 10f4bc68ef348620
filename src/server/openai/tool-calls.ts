import { randomUUID } from "node:crypto";
import type { ToolCall } from "../schemas/tools.ts";

/** Marks around a call, in the manner of Hermes and Qwen. */
const OPEN = "<tool_call>";
const CLOSE = "</tool_call>";

export interface ParsedText {
  /** What is not part of a call. */
  readonly text: string;
  readonly calls: readonly ToolCall[];
}

const NOTHING: ParsedText = { text: "", calls: [] };

/** Finds calls in text that comes piece by piece: between the marks, or, in the manner of Llama 3, as
 *  JSON that is the whole text, if it names a function that there is. Text that may yet become a call is held back; what does not become one
 *  is text after all. */
export class ToolCallParser {
  readonly #names: ReadonlySet<string>;
  #held = "";
  #isStart = true;

  /** @param names  of the functions */
  constructor(names: Iterable<string>) {
    this.#names = new Set(names);
  }

  push(text: string): ParsedText {
    this.#held += text;
    if (this.#isStart && /^\s*(?:\{|$)/.test(this.#held)) return NOTHING;
    this.#isStart = false;
    let out = "";
    const calls: ToolCall[] = [];
    for (;;) {
      const begin = this.#held.indexOf(OPEN);
      const end = begin < 0 ? -1 : this.#held.indexOf(CLOSE, begin);
      if (end < 0) {
        const safe = begin < 0 ? this.#held.length - overlap(this.#held, OPEN) : begin;
        out += this.#held.slice(0, safe);
        this.#held = this.#held.slice(safe);
        return { text: out, calls };
      }
      out += this.#held.slice(0, begin);
      const inner = parseCall(this.#held.slice(begin + OPEN.length, end));
      if (inner) calls.push(inner);
      else out += this.#held.slice(begin, end + CLOSE.length);
      this.#held = this.#held.slice(end + CLOSE.length);
    }
  }

  /** What is held back, at the end of the text. */
  flush(): ParsedText {
    const held = this.#held;
    this.#held = "";
    const isMarked = held.startsWith(OPEN);
    const call = parseCall(isMarked ? held.slice(OPEN.length) : held);
    // JSON that was asked for may have a name in it, too.
    if (!call || (!isMarked && !this.#names.has(call.function.name)))
      return { text: held, calls: [] };
    return { text: "", calls: [call] };
  }
}

/** How much of `mark` the text ends with. */
function overlap(text: string, mark: string): number {
  for (let n = Math.min(text.length, mark.length - 1); n > 0; n--) {
    if (text.endsWith(mark.slice(0, n))) return n;
  }
  return 0;
}

/** `{"name": ..., "arguments": {...}}`; Llama 3 calls them parameters. */
function parseCall(json: string): ToolCall | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("name" in value)) return undefined;
  const { name, arguments: given, parameters } = value as Record<string, unknown>;
  if (typeof name !== "string") return undefined;
  const args = given ?? parameters ?? {};
  return {
    id: `call_${randomUUID().replaceAll("-", "").slice(0, 24)}`,
    type: "function",
    function: { name, arguments: typeof args === "string" ? args : JSON.stringify(args) },
  };
}
