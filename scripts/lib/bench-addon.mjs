// The addon of native/bench: kernels one by one, and forward passes by stage.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * @typedef {object} Timing
 * @property {string} kernel
 * @property {number[]} seconds   one call, by sample
 * @property {number} bytes       of one call
 * @property {number} operations  of one call
 *
 * @typedef {object} Limits per second
 * @property {number} readBandwidth
 * @property {number} int8Peak      0 where nobody knows
 * @property {number} f32Peak
 *
 * @typedef {object} StageTime
 * @property {string} name
 * @property {number} seconds
 * @property {number} workSeconds  summed over the threads
 *
 * @typedef {object} BenchAddon
 * @property {(options: { target: string, threads: number, samples: number }) => unknown} openBench
 * @property {(bench: unknown) => Limits} limits
 * @property {(bench: unknown, what: object) => Timing[]} measure
 * @property {(model: object, options: { depth: number, tokens: number, sequences: number, topK: number, passes: number }) =>
 *            Promise<{ target: string, seconds: number, fastest: number, headRows: number, stages: StageTime[] }>} profile
 */

const root = fileURLToPath(new URL("../../", import.meta.url));
const build = join(root, "build");

/**
 * Builds the addon in the engine's own build folder, where most of it is built already.
 * @returns {BenchAddon}
 */
export function loadBenchAddon() {
  if (!existsSync(join(build, "CMakeCache.txt"))) {
    throw new Error("the engine is not built: npm run build:native");
  }
  cmake("-S", root, "-B", build, "-DBITNET_BENCH=ON");
  cmake("--build", build, "--config", "Release", "--target", "bitnet_bench");
  return createRequire(import.meta.url)(join(build, "Release", "bitnet_bench.node"));
}

/** @param {string[]} args */
function cmake(...args) {
  const { status, stdout, stderr } = spawnSync("cmake", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`cmake ${args.join(" ")} failed:\n${stdout}${stderr}`);
}
