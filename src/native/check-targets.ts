import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AddonError } from "../errors.ts";
import { runTrial, type TrialEnvironment } from "./run-trial.ts";

/** Plain C++ is the measure. */
const REFERENCE_TARGET = "scalar";

export interface TargetCheck {
  readonly target: string;
  /** Why it cannot be relied on; undefined: every logit is as plain C++ computes it. */
  readonly failure?: string;
}

/** Runs the bundled model on each target in a process of its own, where a crash ends nothing else, and
 *  compares all logits with plain C++ code. That one comes first.
 *  @throws what `signal` is aborted with */
export async function* checkTargets(
  targets: readonly string[],
  { env, signal }: TrialEnvironment,
): AsyncGenerator<TargetCheck> {
  let wanted: string | undefined;
  const others = targets.filter((name) => name !== REFERENCE_TARGET);
  for (const target of [REFERENCE_TARGET, ...others]) {
    try {
      const { hash } = await runTrial({}, { env: { ...env, BITNET_KERNEL: target }, signal });
      wanted ??= hash;
      yield hash === wanted ? { target } : { target, failure: "it computes other logits" };
    } catch (error) {
      if (!(error instanceof AddonError)) throw error;
      yield { target, failure: error.message };
    }
  }
}

const SELF_TEST = fileURLToPath(new URL("../../build/selftest", import.meta.url));

export interface FullTest {
  readonly passed: boolean;
  /** Its last line. */
  readonly summary: string;
}

/** Runs the engine's own test program, which sweeps every kernel over many shapes; undefined where it
 *  was not built. */
export async function runSelfTest(signal: AbortSignal): Promise<FullTest | undefined> {
  if (!existsSync(SELF_TEST)) return undefined;
  return new Promise((resolve, reject) => {
    const options = { signal, maxBuffer: 64 * 1024 * 1024 };
    execFile(SELF_TEST, [], options, (error, stdout, stderr) => {
      if (signal.aborted) reject(signal.reason);
      const lines = `${stdout}${stderr}`.trimEnd().split("\n");
      resolve({ passed: error === null, summary: lines.at(-1) ?? "" });
    });
  });
}
