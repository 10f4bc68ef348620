import type { ChalkInstance } from "chalk";

/** Text that waits for the partner of a mark is shown as it is when it gets longer than this. */
const LONGEST_WAIT = 400;
const WORD = /[\p{L}\p{N}]/u;
const ESCAPABLE = /[!-/:-@[-`{-~]/;

export interface InlineOptions {
  /** The rest of the line is known. */
  readonly complete: boolean;
  /** The character before the text, if there is one in the line. */
  readonly before?: string;
}

export interface Inline {
  readonly shown: string;
  /** What is shown only when more of the line is known. */
  readonly rest: string;
}

/** Emphasis and code in a line, or, if it is not `complete`, in as much of it as is certain. */
export function renderInline(
  text: string,
  style: ChalkInstance,
  { complete, before = "" }: InlineOptions,
): Inline {
  const line: Line = { text, complete, before };
  let shown = "";
  let at = 0;
  while (at < text.length) {
    const mark = text.slice(at).search(/[*_`\\]/);
    const plain = mark < 0 ? text.length : at + mark;
    shown += text.slice(at, plain);
    at = plain;
    if (at === text.length) break;
    const span = readSpan(line, at);
    if (span === UNKNOWN && text.length - at <= LONGEST_WAIT) {
      return { shown, rest: text.slice(at) };
    }
    const found = span === UNKNOWN ? asItIs(text, at) : span;
    shown += show(found, style);
    at += found.length;
  }
  return { shown, rest: "" };
}

/** What has come does not tell. */
const UNKNOWN = "unknown";

interface Line extends Required<InlineOptions> {
  readonly text: string;
}

/** A piece of a line and how it is shown. */
interface Span {
  readonly kind: "text" | "code" | "strong" | "emphasis" | "both";
  readonly text: string;
  /** Characters of the line that it takes, marks included. */
  readonly length: number;
}

function show({ kind, text }: Span, style: ChalkInstance): string {
  const inner = () => renderInline(text, style, { complete: true }).shown;
  switch (kind) {
    case "text":
      return text;
    case "code":
      return style.cyan(text);
    case "strong":
      return style.bold(inner());
    case "emphasis":
      return style.italic(inner());
    case "both":
      return style.bold.italic(inner());
    default:
      return kind satisfies never;
  }
}

/** The piece that begins with the mark at `at`. */
function readSpan(line: Line, at: number): Span | typeof UNKNOWN {
  const { text, complete } = line;
  const mark = text[at] as string;
  if (mark === "\\") return readEscape(line, at);
  const run = runLength(text, at);
  if (at + run === text.length && !complete) return UNKNOWN;
  if (mark !== "`" && !(run < KINDS.length && opens(line, at, run))) return asItIs(text, at);
  const end = findEnd(line, at, run);
  if (end === undefined) return complete ? asItIs(text, at) : UNKNOWN;
  const inner = text.slice(at + run, end);
  const length = end + run - at;
  if (mark === "`") return { kind: "code", text: withoutPadding(inner), length };
  return { kind: KINDS[run] ?? "text", text: inner, length };
}

/** By the number of marks. */
const KINDS = ["text", "emphasis", "strong", "both"] as const;

function readEscape({ text, complete }: Line, at: number): Span | typeof UNKNOWN {
  const next = text[at + 1];
  if (next === undefined) return complete ? asItIs(text, at) : UNKNOWN;
  return ESCAPABLE.test(next) ? { kind: "text", text: next, length: 2 } : asItIs(text, at);
}

/** Where the partner of the run of marks at `at` stands. */
function findEnd(line: Line, at: number, run: number): number | undefined {
  const { text, complete } = line;
  const mark = text[at] as string;
  let end = text.indexOf(mark, at + run);
  while (end >= 0) {
    const length = runLength(text, end);
    if (end + length === text.length && !complete) return undefined; // it may get longer
    if (length === run && (mark === "`" || closes(line, end, run))) return end;
    end = text.indexOf(mark, end + length);
  }
  return undefined;
}

/** `` `a` `` in two marks holds a space at each end. */
function withoutPadding(code: string): string {
  const padded = code.startsWith(" ") && code.endsWith(" ") && code.trim() !== "";
  return padded ? code.slice(1, -1) : code;
}

/** A mark opens before a word, and not inside of one: 2*3*4 and snake_case are no emphasis. */
function opens({ text, before }: Line, at: number, run: number): boolean {
  const next = text[at + run];
  return !WORD.test(text[at - 1] ?? before) && next !== undefined && !/\s/.test(next);
}

function closes({ text }: Line, at: number, run: number): boolean {
  return !/\s/.test(text[at - 1] ?? " ") && !WORD.test(text[at + run] ?? "");
}

function runLength(text: string, at: number): number {
  let length = 1;
  while (text[at + length] === text[at]) length++;
  return length;
}

/** A run of marks that mean nothing. */
function asItIs(text: string, at: number): Span {
  const length = text[at] === "\\" ? 1 : runLength(text, at);
  return { kind: "text", text: text.slice(at, at + length), length };
}
