import { CancelledError, ResourceError } from "../errors.ts";

/** Exit statuses of a program that a signal ended: 128 + its number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof SIGNALS;

/** Everything that may stop the work from outside, as one AbortSignal. Its reason is a
 *  BitnetError with the exit status. */
export class Interrupts {
  readonly #controller = new AbortController();
  readonly #listeners: ReadonlyArray<readonly [Signal, () => void]>;
  readonly #beforeKill: () => void;

  /** The first signal asks the work to end; the second ends the process the way the signal does
   *  by default, after `beforeKill`. */
  constructor(beforeKill: () => void) {
    this.#beforeKill = beforeKill;
    this.#listeners = (Object.keys(SIGNALS) as Signal[]).map((name) => [
      name,
      () => this.#onSignal(name),
    ]);
    for (const [name, listener] of this.#listeners) process.on(name, listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Standard output is lost. A reader that has seen enough (`| head`) is no failure. */
  outputLost(error: NodeJS.ErrnoException): void {
    const enough = error.code === "EPIPE" || error.code === "EOF";
    this.#controller.abort(
      enough
        ? new CancelledError("nobody reads the output any more", 0)
        : new ResourceError(`the output cannot be written: ${error.message}`, { cause: error }),
    );
  }

  /** Gives the signals back to Node. */
  dispose(): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }

  #onSignal(name: Signal): void {
    if (!this.#controller.signal.aborted) {
      this.#controller.abort(new CancelledError("cancelled", SIGNALS[name]));
      return;
    }
    this.#beforeKill();
    this.dispose();
    process.kill(process.pid, name);
  }
}
