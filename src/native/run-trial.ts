import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { AddonError } from "../errors.ts";

export interface TrialRequest {
  /** Path of the addon. Default: what the engine would load. */
  readonly addon?: string | undefined;
  /** Run several times, for the best time. */
  readonly timed?: boolean | undefined;
}

export interface TrialReport {
  /** The kernel target that ran. */
  readonly target: string;
  /** Of every logit, bit for bit. */
  readonly hash: string;
  /** Best time for the prompt, and for the tokens after it one by one. */
  readonly prefillMs: number;
  readonly decodeMs: number;
}

export interface TrialEnvironment {
  /** Variables of the child; BITNET_KERNEL picks the target. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

const TRIAL = fileURLToPath(new URL("./trial.js", import.meta.url));

/** Runs the bundled model in a process of its own.
 *  @throws {AddonError} it crashed or failed */
export async function runTrial(
  request: TrialRequest,
  { env, signal }: TrialEnvironment,
): Promise<TrialReport> {
  signal?.throwIfAborted();
  const child = fork(TRIAL, [], { env: { ...env }, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const stop = () => child.kill();
  signal?.addEventListener("abort", stop);
  let words = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    words += text;
  });
  try {
    const answer = await new Promise<Answer>((resolve, reject) => {
      child.once("message", (message) => resolve(message as Answer));
      child.once("error", reject);
      child.once("exit", (code, killer) => {
        const failure = killer ? `it was ended by ${killer}` : `it exited with ${code}`;
        resolve({ failure: [failure, ...words.trim().split("\n").slice(-1)].join(": ") });
      });
      child.send(request);
    });
    signal?.throwIfAborted();
    if (answer.report) return answer.report;
    throw new AddonError(`the native engine failed its trial: ${answer.failure}`);
  } finally {
    signal?.removeEventListener("abort", stop);
    child.disconnect?.();
    child.kill();
  }
}

interface Answer {
  readonly report?: TrialReport;
  readonly failure?: string;
}
