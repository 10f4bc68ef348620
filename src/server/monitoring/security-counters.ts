import type { ErrorKind } from "../api-error.ts";
import type { OnRequestEnd } from "../guards/record.ts";

/** Refusals that protect the server, as opposed to failures. */
const BLOCKS: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  "UNAUTHORIZED",
  "FORBIDDEN",
  "RATE_LIMIT_EXCEEDED",
  "INVALID_INPUT",
  "CONTENT_FILTERED",
  "RESPONSE_FILTERED",
]);
const MINUTE_MS = 60_000;
const MINUTES = 60;
const MAX_CLIENTS = 10_000;

export interface SecurityFigures {
  /** Different ones; no more than 10,000 are told apart. */
  readonly clients: number;
  readonly requests: number;
  readonly blocked: number;
  readonly blocked_by_code: Readonly<Partial<Record<ErrorKind, number>>>;
}

interface Minute {
  requests: number;
  readonly blocked: Map<ErrorKind, number>;
}

/** Counts who came and what was refused in the last hour. */
export class SecurityCounters {
  /** To be told of the end of every request. */
  readonly listener: OnRequestEnd;
  readonly #now: () => number;
  readonly #minutes = new Map<number, Minute>();
  /** When each client came last, the longest ago first. */
  readonly #clients = new Map<string, number>();

  /** @param now  milliseconds of a clock that only goes forward */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.listener = ({ client }, record) => this.#count(client, record.errorKind);
  }

  figures(): SecurityFigures {
    this.#forget();
    const blocked: Partial<Record<ErrorKind, number>> = {};
    let requests = 0;
    for (const minute of this.#minutes.values()) {
      requests += minute.requests;
      for (const [kind, count] of minute.blocked) blocked[kind] = (blocked[kind] ?? 0) + count;
    }
    return {
      clients: this.#clients.size,
      requests,
      blocked: Object.values(blocked).reduce((sum, count) => sum + count, 0),
      blocked_by_code: blocked,
    };
  }

  #count(client: string, kind: ErrorKind | undefined): void {
    const now = this.#minute();
    const minute = this.#minutes.get(now) ?? { requests: 0, blocked: new Map() };
    this.#minutes.set(now, minute);
    minute.requests += 1;
    if (kind && BLOCKS.has(kind)) minute.blocked.set(kind, (minute.blocked.get(kind) ?? 0) + 1);
    this.#clients.delete(client);
    this.#clients.set(client, now);
    this.#forget();
  }

  #forget(): void {
    const oldest = this.#minute() - MINUTES;
    for (const minute of this.#minutes.keys()) {
      if (minute <= oldest) this.#minutes.delete(minute);
    }
    for (const [client, minute] of this.#clients) {
      if (minute > oldest && this.#clients.size <= MAX_CLIENTS) return;
      this.#clients.delete(client);
    }
  }

  #minute(): number {
    return Math.floor(this.#now() / MINUTE_MS);
  }
}
