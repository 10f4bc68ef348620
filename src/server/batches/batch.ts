import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { BatchLine } from "./line.ts";

/** What came of one request. */
export interface LineAnswer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
  /** Seconds after which another try may succeed. */
  readonly retryAfterS: number | undefined;
}

/** Puts a request to the routes. */
export type Ask = (line: BatchLine, signal: AbortSignal) => Promise<LineAnswer>;

const OK = 200;
const TOO_MANY = 429;

/** Requests that are answered beside others, a few at a time, each as if it had come by itself. */
export class Batch {
  readonly id = `batch_${randomUUID().replaceAll("-", "")}`;
  readonly client: string;
  readonly created = Math.floor(Date.now() / 1000);
  readonly #lines: readonly BatchLine[];
  readonly #controller = new AbortController();
  readonly #output: string[] = [];
  #next = 0;
  #failed = 0;
  #isDone = false;

  /** @param client  who may ask about it */
  constructor(client: string, lines: readonly BatchLine[]) {
    this.client = client;
    this.#lines = lines;
  }

  get status(): "in_progress" | "completed" | "cancelled" {
    if (this.#controller.signal.aborted) return "cancelled";
    return this.#isDone ? "completed" : "in_progress";
  }
  get counts() {
    const { length: answered } = this.#output;
    return { total: this.#lines.length, completed: answered - this.#failed, failed: this.#failed };
  }
  /** Lines of JSON in the order in which the answers came. */
  get output(): string {
    return this.#output.join("");
  }

  cancel(): void {
    if (!this.#isDone) this.#controller.abort();
  }

  /** Resolves when all is answered or the batch was cancelled. */
  async run(ask: Ask, parallel: number): Promise<void> {
    const { signal } = this.#controller;
    const work = async () => {
      while (!signal.aborted) {
        const line = this.#lines[this.#next++];
        const answer = line && (await this.#insist(ask, line));
        if (!line || !answer || signal.aborted) return;
        this.#add(line, answer);
      }
    };
    try {
      await Promise.all(Array.from({ length: parallel }, work));
      this.#isDone = !signal.aborted;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Asks until there is room for the request. */
  async #insist(ask: Ask, line: BatchLine): Promise<LineAnswer> {
    const { signal } = this.#controller;
    for (;;) {
      const answer = await ask(line, signal);
      if (answer.status !== TOO_MANY || signal.aborted) return answer;
      await sleep((answer.retryAfterS ?? 1) * 1000, undefined, { signal }).catch(() => undefined);
    }
  }

  #add({ id }: BatchLine, { status, body }: LineAnswer): void {
    const isOk = status === OK;
    if (!isOk) this.#failed += 1;
    const head = `{"custom_id":${JSON.stringify(id)},"response":{"status_code":${status},"body":`;
    this.#output.push(`${head}${body}},"error":null}\n`);
  }
}
