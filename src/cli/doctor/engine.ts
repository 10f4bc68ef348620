import { BitnetError } from "../../errors.ts";
import { checkTargets, runSelfTest } from "../../native/check-targets.ts";
import type { Context } from "../context.ts";
import { type SystemSummary, summarizeSystem } from "../system-summary.ts";
import { checkCpu, cpuFacts } from "./cpu.ts";
import { broken, type Finding, ok, skipped, warning } from "./finding.ts";

const OLDEST_NODE = [20, 17] as const;
const BUILD = "build it: npm run build:native (needs CMake and a C++20 compiler)";
const ISSUES = "rebuild with npm run build:native; if that does not help, report it";

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.slice(1).split(".").map(Number);
  const [oldest, oldestMinor] = OLDEST_NODE;
  if (major > oldest || (major === oldest && minor >= oldestMinor)) {
    return ok("node", `Node ${version}`);
  }
  return broken("node", `Node ${version} is older than ${OLDEST_NODE.join(".")}`, "nvm install 22");
}

/** The addon, the CPU, and every kernel target that runs here.
 *    full  also the engine's own test program, which takes minutes */
export async function* checkEngine(
  { ui, signal }: Context,
  full: boolean,
): AsyncGenerator<Finding> {
  let system: SystemSummary;
  try {
    system = summarizeSystem();
  } catch (error) {
    if (!(error instanceof BitnetError)) throw error;
    yield broken("addon", error.message, error.hint ?? BUILD);
    yield skipped("kernels", "there is no engine to run them");
    return;
  }
  const { active, reason, targets } = system.kernels;
  yield ok("addon", `the native engine is loaded; kernels ${active}: ${reason}`);
  yield* checkCpu(cpuFacts(system));
  const runnable = targets.filter((one) => one.runnable).map(({ name }) => name);
  const spinner = await ui.wait("checking the kernels");
  try {
    for await (const { target, failure } of checkTargets(runnable, { env: process.env, signal })) {
      spinner.update(`checked the kernels ${target}`);
      const check = `kernel.${target}`;
      if (failure === undefined) {
        yield ok(check, `${target}: every logit as plain C++ computes it`);
        continue;
      }
      const others = runnable.find((name) => name !== target) ?? "scalar";
      yield broken(check, `${target}: ${failure}`, `export BITNET_KERNEL=${others}, and ${ISSUES}`);
    }
    if (full) yield await checkEverything(signal);
  } finally {
    spinner.stop();
  }
}

async function checkEverything(signal: AbortSignal): Promise<Finding> {
  const result = await runSelfTest(signal);
  if (!result) return skipped("selftest", "the engine's test program is not built", BUILD);
  const { passed, summary } = result;
  return passed ? ok("selftest", summary) : broken("selftest", summary, ISSUES);
}

/** Threads that share cores slow one another down. */
export function checkThreads(available: number, wanted: number | undefined): Finding {
  if (wanted === undefined || wanted <= available) {
    return ok("threads", `${available} logical CPUs`);
  }
  const message = `${wanted} threads are set, and there are ${available} logical CPUs`;
  return warning("threads", message, "unset BITNET_THREADS, or lower it");
}
