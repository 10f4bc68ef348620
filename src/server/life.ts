/** How long a request may live, as a signal: it is aborted when its client leaves, when its time is up
 *  and by `end`, with the reason that came first. */
export class RequestLife {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onParent = () => this.#controller.abort(this.#parent.reason);

  /** @param timeout  its milliseconds (0: any time) and what the signal is then aborted with */
  constructor(
    parent: AbortSignal,
    timeout?: { readonly ms: number; readonly reason: () => Error },
  ) {
    this.#parent = parent;
    if (parent.aborted) this.#onParent();
    else parent.addEventListener("abort", this.#onParent, { once: true });
    if (timeout === undefined || timeout.ms === 0) return;
    this.#timer = setTimeout(() => this.#controller.abort(timeout.reason()), timeout.ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** The request has ended by itself. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener("abort", this.#onParent);
  }
}
