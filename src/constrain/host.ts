import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { WorkerReply, WorkerRequest } from "./protocol.ts";
import { tokenBytes } from "./token-bytes.ts";

/** The built worker, seen from this file and from what is built of it alike. */
const WORKER = fileURLToPath(new URL("../../dist/constrain/worker.js", import.meta.url));

/** Starting and reading a vocabulary takes half a second; on a busy machine far longer. */
const OPEN_MS = 60_000;
/** A worker that nobody needs gives its memory back after this time. */
const IDLE_MS = 10 * 60_000;
/** The memory of WebAssembly never shrinks: a worker that has as much is replaced. */
const MAX_HEAP_BYTES = 1 << 30;

type Answer = Exclude<WorkerReply, { type: "failed" }>;

interface Job {
  readonly request: WorkerRequest;
  readonly limitMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** The worker broke down, or took too long and was stopped. What it knew is lost. */
export class BrokenDown extends Error {
  readonly tookTooLong: boolean;

  constructor(message: string, tookTooLong = false) {
    super(message);
    this.tookTooLong = tookTooLong;
  }
}

/** A worker for the grammars of one vocabulary. It starts when it is needed, does one thing after
 *  another, and is replaced when one of them breaks it. */
export class Host {
  readonly #tokenizer: Tokenizer;
  readonly #queue: Job[] = [];
  #worker: Worker | undefined;
  #current: Job | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** @throws {BrokenDown} this request was too much for the worker */
  ask(request: WorkerRequest, limitMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, limitMs, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#current) return;
    if (this.#queue.length === 0) {
      this.#rest();
      return;
    }
    if (!this.#worker) this.#open();
    this.#begin(this.#queue.shift() as Job);
  }

  /** A new worker, which reads the vocabulary before anything else. */
  #open(): void {
    const worker = new Worker(WORKER, { execArgv: [] });
    worker.on("message", (reply: WorkerReply & { readonly heapBytes: number }) => {
      if (worker === this.#worker) this.#hear(reply);
    });
    worker.on("error", (error) => this.#breakDown(worker, error.message));
    worker.on("exit", (code) => this.#breakDown(worker, `the worker ended with status ${code}`));
    this.#worker = worker;
    const tokens = tokenBytes(this.#tokenizer);
    this.#queue.unshift({
      request: { type: "open", tokens },
      limitMs: OPEN_MS,
      resolve: () => {},
      reject: (error) => this.#queue.shift()?.reject(error), // whoever needed it
    });
  }

  #begin(job: Job): void {
    const worker = this.#worker as Worker;
    clearTimeout(this.#timer);
    this.#current = job;
    this.#timer = setTimeout(() => {
      this.#breakDown(worker, `it took more than ${job.limitMs / 1000} s`, true);
    }, job.limitMs);
    worker.ref();
    worker.postMessage(job.request);
  }

  #hear({ heapBytes, ...reply }: WorkerReply & { readonly heapBytes: number }): void {
    const job = this.#current;
    if (reply.type === "failed") {
      this.#breakDown(this.#worker, reply.message);
      return;
    }
    this.#current = undefined;
    if (heapBytes > MAX_HEAP_BYTES) this.#stop();
    job?.resolve(reply);
    this.#next();
  }

  #breakDown(worker: Worker | undefined, message: string, tookTooLong = false): void {
    if (worker !== this.#worker) return; // stopped by us
    this.#stop();
    const job = this.#current;
    this.#current = undefined;
    job?.reject(new BrokenDown(message, tookTooLong));
    this.#next();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#worker?.unref();
    this.#timer = setTimeout(() => this.#stop(), IDLE_MS).unref();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    this.#worker = undefined;
    worker?.terminate().catch(() => {});
  }
}
