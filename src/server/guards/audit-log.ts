import { type DestinationStream, pino } from "pino";
import { isPublic } from "./authentication.ts";
import type { ClientIds } from "./client-ids.ts";
import type { OnRequestEnd } from "./record.ts";

export interface AuditOptions {
  readonly ids: ClientIds;
  /** Whether what was asked is written down, too. */
  readonly withPrompts: boolean;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

const FIRST_ERROR = 400;
const MAX_UNWRITTEN_BYTES = 1024 * 1024;

/** Opens a file to append lines to, made with its folder where it is missing and readable by its owner
 *  alone. Lines are written as they come, so that none is lost with the process.
 *    onError  told once when it cannot be written: lines are then dropped beyond a megabyte of them */
export function openAuditFile(path: string, onError: (error: Error) => void): DestinationStream {
  const file = pino.destination({
    dest: path,
    mkdir: true,
    append: true,
    mode: 0o600,
    sync: true,
    maxLength: MAX_UNWRITTEN_BYTES,
  });
  file.once("error", onError).on("error", () => undefined);
  return file;
}

/** Writes one line per request: who, what and how it ended, but neither address nor text. What is open
 *  to all, such as the files of the page, is left out unless it fails. */
export function auditLog(destination: DestinationStream, options: AuditOptions): OnRequestEnd {
  const { ids, withPrompts, now = Date.now } = options;
  const log = pino(
    {
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: () => ({ event: "request" }) },
    },
    destination,
  );
  return (request, record, { route, status, ms, aborted }) => {
    if (isPublic(request) && status < FIRST_ERROR) return;
    const { id, ip, method, body } = request;
    log.info({
      request_id: id,
      client: ids.hash(ip),
      key: record.keyName ?? null,
      method,
      route: route ?? null,
      status,
      prompt_tokens: record.promptTokens,
      cached_tokens: record.cachedTokens,
      generated_tokens: record.generatedTokens,
      ms: Math.round(ms),
      error_code: record.errorKind ?? null,
      aborted,
      ...(withPrompts && body !== undefined && { request: body }),
    });
  };
}
