import { ApiError } from "../api-error.ts";
import type { Batch } from "./batch.ts";

/** Kept at a time, running or done; the oldest that is done gives way. */
const MAX_BATCHES = 32;
const RETRY_S = 30;

/** Batches in memory: they are gone when the server ends. */
export class BatchStore {
  readonly #batches = new Map<string, Batch>();

  /** @throws {ApiError} QUEUE_FULL: as many as there may be are running */
  add(batch: Batch): void {
    if (this.#batches.size >= MAX_BATCHES) {
      const done = [...this.#batches.values()].find(({ status }) => status !== "in_progress");
      if (!done) {
        throw new ApiError("QUEUE_FULL", `${MAX_BATCHES} batches are running`, {
          retryAfterS: RETRY_S,
        });
      }
      this.#batches.delete(done.id);
    }
    this.#batches.set(batch.id, batch);
  }

  /** @throws {ApiError} NOT_FOUND: there is none, or it is somebody else's */
  get(id: string, client: string): Batch {
    const batch = this.#batches.get(id);
    if (batch?.client === client) return batch;
    throw new ApiError("NOT_FOUND", "there is no batch of that name", { param: "batch" });
  }

  cancelAll(): void {
    for (const batch of this.#batches.values()) batch.cancel();
  }
}
