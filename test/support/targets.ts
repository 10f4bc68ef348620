import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AddonModelSpec, KernelTarget } from "../../src/engine/binding.ts";
import { ADDON_PATH, loadAddon } from "./engine.ts";
import { fileTree } from "./run-script.ts";

/** Jobs of one loaded model; a job is a prompt in pieces. */
export interface TargetRun {
  readonly spec: AddonModelSpec;
  readonly jobs: readonly (readonly (readonly number[])[])[];
}

/** Kernel targets that this CPU can run; the others are named on the console. */
export function runnableTargets(): string[] {
  const { targets } = loadAddon().cpuReport();
  const missing = (target: KernelTarget) => target.missing.join(", ") || "CPU";
  for (const target of targets.filter((t) => !t.runnable)) {
    console.log(`skipped: kernel target ${target.name} (${missing(target)})`);
  }
  return targets.filter((t) => t.runnable).map((t) => t.name);
}

/** Runs jobs under a kernel target in a child process; the bits of each job's logits. */
export function evaluateUnder(
  target: string,
  runs: readonly TargetRun[],
  vocabSize: number,
): Buffer[] {
  using dir = fileTree({});
  const request = join(dir.path, "request.json");
  const logits = join(dir.path, "logits.bin");
  writeFileSync(request, JSON.stringify({ addon: ADDON_PATH, target, runs }));
  const script = fileURLToPath(new URL("eval-child.mjs", import.meta.url));
  const child = spawnSync(process.execPath, [script, request, logits], {
    encoding: "utf8",
    env: { ...process.env, BITNET_KERNEL: target },
  });
  if (child.error) throw child.error;
  if (child.status !== 0) {
    throw new Error(`target ${target}: ${child.signal ?? child.status}\n${child.stderr}`);
  }
  const bits = readFileSync(logits);
  let at = 0;
  return runs
    .flatMap(({ jobs }) => jobs)
    .map((pieces) => {
      const bytes = pieces.flat().length * vocabSize * Float32Array.BYTES_PER_ELEMENT;
      at += bytes;
      return bits.subarray(at - bytes, at);
    });
}
