import { createHash } from "node:crypto";
import { UsageError } from "../errors.ts";
import { type Line, type LineSource, readLines } from "./lines.ts";
import { type BadRequest, type BatchRequest, parseRequest, type RequestId } from "./request.ts";

/** Fingerprints of the answers that there are already, by id. */
export type Finished = ReadonlyMap<RequestId, string>;

/** A line of the input and what an answer to it is known by. */
export interface PlannedRequest {
  readonly request: BatchRequest | BadRequest;
  readonly fingerprint: string;
}

export interface PlanOptions {
  readonly finished: Finished;
  /** What decides the answers beside the requests: model and settings. */
  readonly settings: unknown;
  /** Called by `planRequests` for each request that has an answer. */
  readonly onSkip?: (() => void) | undefined;
}

/** The requests that are still to be answered, in order.
 *  @throws {UsageError} an id that occurs twice, or whose answer is one to another request; and as
 *                       `readLines` */
export async function* planRequests(
  source: LineSource,
  options: PlanOptions,
  signal: AbortSignal,
): AsyncGenerator<PlannedRequest> {
  for await (const planned of checkRequests(source, options, signal)) {
    if (options.finished.has(planned.request.id)) options.onSkip?.();
    else yield planned;
  }
}

/** How many requests there are, and how many of them have no answer yet.
 *  @throws as `planRequests` */
export async function countRequests(
  source: LineSource,
  options: PlanOptions,
  signal: AbortSignal,
): Promise<{ readonly total: number; readonly pending: number }> {
  const counts = { total: 0, pending: 0 };
  for await (const { request } of checkRequests(source, options, signal)) {
    counts.total += 1;
    if (!options.finished.has(request.id)) counts.pending += 1;
  }
  return counts;
}

async function* checkRequests(
  source: LineSource,
  { finished, settings }: PlanOptions,
  signal: AbortSignal,
): AsyncGenerator<PlannedRequest> {
  const common = JSON.stringify(settings);
  const lineOf = new Map<RequestId, number>();
  for await (const line of readLines(source, signal)) {
    const planned = planLine(line, common);
    const { id } = planned.request;
    const earlier = lineOf.get(id);
    if (earlier !== undefined) {
      throw new UsageError(
        `line ${line.number} of ${source.name}: the id ${JSON.stringify(id)} is that of line ${earlier}`,
        { hint: "give each line an id of its own, or none" },
      );
    }
    lineOf.set(id, line.number);
    const known = finished.get(id);
    if (known !== undefined && known !== planned.fingerprint) throw otherAnswer(id, line.number);
    yield planned;
  }
}

function planLine({ text, number }: Line, common: string): PlannedRequest {
  const request = parseRequest(text, number);
  const asked = "error" in request ? text : JSON.stringify([request.input, request.options]);
  return { request, fingerprint: fingerprintOf(common, asked) };
}

const FINGERPRINT_DIGITS = 16;

function fingerprintOf(...parts: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  return hash.slice(0, FINGERPRINT_DIGITS);
}

function otherAnswer(id: RequestId, line: number): UsageError {
  return new UsageError(
    `line ${line}: the output has an answer for ${JSON.stringify(id)}, to another request or with other settings`,
    { hint: "name another --output, or start over with --force" },
  );
}
