import type { Job } from "./plan.ts";

/** Where converted tensors go, one after another in the order of the jobs. */
export interface TensorSink {
  /** Appends the next bytes of a tensor. The buffer may be reused once the promise has settled. */
  append(job: Job, bytes: Uint8Array): Promise<void>;
  /** Stores the scale of a tensor whose encoding keeps it apart, in the job's `scaleType`; after its bytes. */
  appendScale(job: Job, scale: Uint8Array): Promise<void>;
  /** Completes the output and gives it its name. */
  finish(): Promise<void>;
  /** Removes what has been written. */
  abort(): Promise<void>;
}
