import { BitnetError, CancelledError } from "../errors.ts";
import type { Streams } from "../ui/streams.ts";
import type { Ui } from "../ui/ui.ts";

const EXIT_BUG = 1;
const CODE_BUG = "E_INTERNAL";
const REPORT_LINE = "this is a bug in bitnet: please report it with the lines above";

export interface ReportOptions {
  /** Also print `{"error":{...}}` as the last line of standard output. */
  readonly json: boolean;
  /** Add stacks. */
  readonly verbose: boolean;
}

export function exitCodeOf(error: unknown): number {
  return error instanceof BitnetError ? error.exitCode : EXIT_BUG;
}

/** Prints one failure: message, causes and hint on standard error. */
export async function reportError(
  error: unknown,
  { ui, out }: Streams,
  { json, verbose }: ReportOptions,
): Promise<void> {
  if (!(error instanceof CancelledError)) explain(error, ui, verbose);
  else if (error.exitCode !== 0) ui.info(error.message);
  if (json) await out.event({ error: errorDocument(error) });
}

function explain(error: unknown, ui: Ui, verbose: boolean): void {
  const known = error instanceof BitnetError;
  ui.error(messageOf(error));
  const causes = causesOf(error).filter((cause) => verbose || !isSystemError(cause));
  for (const cause of causes) ui.error(`caused by: ${messageOf(cause)}`);
  if (known && error.hint !== undefined) ui.hint(error.hint);
  const stack = error instanceof Error ? error.stack : undefined;
  if (stack !== undefined && (verbose || !known)) ui.trace(withoutMessage(stack));
  if (!known) ui.error(REPORT_LINE);
}

function errorDocument(error: unknown) {
  const known = error instanceof BitnetError;
  return {
    code: known ? error.code : CODE_BUG,
    message: messageOf(error),
    ...(known && error.hint !== undefined ? { hint: error.hint } : {}),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

/** Causes that say something new: a wrapped error often repeats the words of the inner one. */
function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  const said = [messageOf(error)];
  for (let at = error; at instanceof Error && at.cause !== undefined; at = at.cause) {
    const message = messageOf(at.cause);
    if (said.some((earlier) => earlier.includes(message))) continue;
    said.push(message);
    causes.push(at.cause);
  }
  return causes;
}

/** `ENOENT: no such file or directory, stat 'x'`: what our own message says in better words. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

function withoutMessage(stack: string): string {
  const at = stack.indexOf("\n    at ");
  return at < 0 ? stack : stack.slice(at + 1);
}
