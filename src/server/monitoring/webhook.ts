import { setTimeout as sleep } from "node:timers/promises";
import type { Alert, AlertListener } from "./alerts.ts";

export interface WebhookOptions {
  readonly url: string;
  /** Told when an alert could not be delivered; the address may hold a secret and is not in it. */
  readonly onFailure: (message: string) => void;
  /** For one attempt. */
  readonly timeoutMs?: number;
  /** Before the second attempt and those after it. */
  readonly pausesMs?: readonly number[];
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 5000;
const PAUSES_MS = [1000, 5000, 30_000] as const;
/** Alerts that wait while the receiver is away; older ones are dropped. */
const MAX_WAITING = 100;

/** Posts alerts as JSON, one after the other and in their order, each until it is taken or every
 *  attempt has failed. */
export class Webhook {
  readonly listener: AlertListener;
  readonly #options: WebhookOptions;
  readonly #waiting: Alert[] = [];
  #work: Promise<void> | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.listener = (alert) => this.#add(alert);
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#work;
  }

  #add(alert: Alert): void {
    this.#waiting.push(alert);
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.#options.onFailure(
        `more than ${MAX_WAITING} alerts wait for the webhook; one is dropped`,
      );
    }
    this.#work ??= this.#deliverAll().finally(() => (this.#work = undefined));
  }

  async #deliverAll(): Promise<void> {
    for (let alert = this.#waiting.shift(); alert; alert = this.#waiting.shift()) {
      const failure = await this.#deliver(alert);
      if (this.#options.signal.aborted) return;
      if (failure)
        this.#options.onFailure(`the webhook did not take alert ${alert.id}: ${failure}`);
    }
  }

  /** Gives why the last attempt failed; undefined when one succeeded. */
  async #deliver(alert: Alert): Promise<string | undefined> {
    const { pausesMs = PAUSES_MS, signal } = this.#options;
    let failure = await this.#post(alert);
    for (const pauseMs of pausesMs) {
      if (failure === undefined || signal.aborted) return failure;
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
      failure = await this.#post(alert);
    }
    return failure;
  }

  async #post(alert: Alert): Promise<string | undefined> {
    const { url, timeoutMs = TIMEOUT_MS, signal } = this.#options;
    // Not AbortSignal.timeout: Node 20 forgets one that only AbortSignal.any refers to.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ source: "bitnet serve", alert }),
        redirect: "error", // what was trusted is this address
        signal: AbortSignal.any([signal, late.signal]),
      });
      await response.body?.cancel();
      return response.ok ? undefined : `status ${response.status}`;
    } catch (error) {
      if (late.signal.aborted) return `no answer after ${timeoutMs / 1000} s`;
      const { message, cause } = error as Error;
      return (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
    } finally {
      clearTimeout(timer);
    }
  }
}
