import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { AddonError, CancelledError, fromNative } from "../errors.ts";
import type { Answer, Answers, WorkerMessage, WorkerRequest } from "./protocol.ts";

/** Beside this file once it is built. */
const WORKER = fileURLToPath(new URL("./worker.js", import.meta.url));
const MAX_ERROR_TEXT = 2000;

export interface ProcessOptions {
  /** Environment of the process, to which the kernel target is added. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((label: string) => void) | undefined;
}

/** Runs one request in a process of its own.
 *  @throws {BitnetError} what went wrong there
 *  @throws {CancelledError} the signal was aborted */
export async function askProcess<R extends WorkerRequest>(
  request: R,
  { env, signal, onStep }: ProcessOptions,
): Promise<Answers[R["type"]]> {
  if (signal?.aborted) throw new CancelledError();
  const child = fork(WORKER, {
    env: { ...env, BITNET_KERNEL: kernelOf(request) },
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const stop = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", stop, { once: true });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-MAX_ERROR_TEXT);
  });
  let outcome: Answer | Error | undefined;
  child.on("message", (message: WorkerMessage) => {
    if (message.type === "step") onStep?.(message.label);
    else outcome = message.type === "done" ? message.answer : revive(message);
  });
  child.send(request);
  const ending = await new Promise<string>((resolve, reject) => {
    child.on("error", reject).on("close", (code, killer) => resolve(killer ?? `status ${code}`));
  }).finally(() => signal?.removeEventListener("abort", stop));
  if (signal?.aborted) throw new CancelledError();
  if (outcome instanceof Error) throw outcome;
  if (outcome !== undefined) return outcome as Answers[R["type"]];
  throw new AddonError(`the measuring process ended with ${ending}\n${errors}`.trim());
}

function kernelOf(request: WorkerRequest): string {
  return request.type === "limits" ? request.kernel : request.setup.kernel;
}

function revive({ code, message, hint }: Extract<WorkerMessage, { type: "error" }>): Error {
  return fromNative(Object.assign(new Error(message), { code, hint }));
}
