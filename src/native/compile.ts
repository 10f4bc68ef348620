import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AddonError } from "../errors.ts";

export interface CompileOptions {
  /** Folder of the build; what an earlier one left is used. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Files compiled so far and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Every line that CMake and the compiler say. */
  readonly onLine?: ((line: string) => void) | undefined;
}

const SCRIPT = fileURLToPath(new URL("../../scripts/build-native.mjs", import.meta.url));
/** Lines of the compiler that an error shows. */
const SHOWN_LINES = 12;

/** Compiles the engine with this machine's compiler, for its CPU alone; the path of the addon.
 *  @throws {AddonError} with the compiler's own last words */
export async function compileNative(options: CompileOptions): Promise<string> {
  const { folder, env, signal, onProgress, onLine } = options;
  signal?.throwIfAborted();
  const flags = ["--out", folder, "--CDBITNET_NATIVE=ON", "--CDBITNET_SELFTEST=OFF"];
  const child = spawn(process.execPath, [SCRIPT, ...flags], {
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a group of its own, so that the compilers below it can be stopped, too
  });
  const stop = () => child.pid && process.kill(-child.pid, "SIGTERM");
  signal?.addEventListener("abort", stop);
  const lines: string[] = [];
  const take = (line: string): void => {
    if (line.trim() === "") return;
    lines.push(line);
    onLine?.(line);
    const step = /^\[(\d+)\/(\d+)\]/.exec(line);
    if (step) onProgress?.(Number(step[1]), Number(step[2]));
  };
  for (const stream of [child.stdout, child.stderr]) readLines(stream, take);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    signal?.throwIfAborted();
    const addon = join(folder, "Release", "bitnet.node");
    if (status === 0 && existsSync(addon)) return addon;
    throw failed(lines);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function readLines(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? "";
    lines.forEach(take);
  });
  stream.on("end", () => take(rest));
}

/** The compiler says what is wrong at the first error, and CMake at its last lines. */
function failed(lines: readonly string[]): AddonError {
  const at = lines.findIndex((line) => /\berror\b|CMake Error|not found/i.test(line));
  const words = at < 0 ? lines.slice(-SHOWN_LINES) : lines.slice(at, at + SHOWN_LINES);
  return new AddonError(`the kernels could not be compiled\n  ${words.join("\n  ")}`, {
    hint: "the kernels that came with the package stay in use; --log-dir DIR keeps all that was said",
  });
}
