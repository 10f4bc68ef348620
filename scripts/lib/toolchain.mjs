import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = `#include <thread>
#include <vector>
int main() {
  std::vector<int> x(3);
  std::thread([&] { x[1] = 1; }).join();
  return x[1] - 1;
}
`;

/** @param {string} program */
export function isInstalled(program) {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
}

/**
 * Why a compiler, with these flags, cannot build a program that runs here; undefined when it can.
 * @param {string} compiler
 * @param {readonly string[]} flags
 * @param {readonly string[]} runner  e.g. an emulator
 * @returns {string | undefined}
 */
export function whyNotUsable(compiler, flags = [], runner = []) {
  for (const program of [compiler, ...runner.slice(0, 1)]) {
    if (!isInstalled(program)) return `${program} not found`;
  }
  const dir = mkdtempSync(join(tmpdir(), "bitnet-probe-"));
  try {
    const source = join(dir, "probe.cpp");
    const binary = join(dir, "probe");
    writeFileSync(source, PROGRAM);
    const args = ["-std=c++20", ...flags, source, "-o", binary, "-pthread"];
    if (spawnSync(compiler, args, { stdio: "ignore" }).status !== 0) {
      return `${[compiler, ...flags].join(" ")} cannot build a program`;
    }
    const [program = "", ...rest] = [...runner, binary];
    return spawnSync(program, rest, { stdio: "ignore" }).status === 0
      ? undefined
      : `programs built with ${[compiler, ...flags].join(" ")} do not run`;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
