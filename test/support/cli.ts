import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const BIN = fileURLToPath(new URL("../../bin/bitnet.js", import.meta.url));

export interface CliOptions {
  /** Standard input; absent: none (closed at once). */
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface CliResult {
  /** Exit status as a shell shows it: 128 + the number of the signal that ended the process. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const SIGNAL_STATUS: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 };

/** A folder that cannot be: nothing is cached in it. */
const NO_CACHE = "/dev/null/cache";

/** An environment in which the user's own settings and caches do not count. */
function cleanEnv(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => {
    return !/^(BITNET_|HF_|CI$|NO_COLOR$|FORCE_COLOR$|NODE_OPTIONS$|VITEST)/.test(name);
  });
  const folders = {
    XDG_CONFIG_HOME: "/nonexistent",
    XDG_STATE_HOME: "/nonexistent",
    XDG_CACHE_HOME: NO_CACHE,
  };
  return { ...Object.fromEntries(inherited), ...folders, ...extra };
}

/** Starts bin/bitnet.js with pipes. */
export function startCli(args: readonly string[], options: CliOptions = {}): ChildProcess {
  return spawn(process.execPath, [BIN, ...args], {
    env: cleanEnv(options.env),
    cwd: options.cwd,
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Waits for the end of a process, gathering what it writes. */
export function finish(child: ChildProcess): Promise<CliResult> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ status: code ?? SIGNAL_STATUS[signal ?? ""] ?? -1, stdout, stderr });
    });
  });
}

/** Runs bin/bitnet.js to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options);
  // A command that does not read its input may be gone before it is written.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input ?? "");
  return finish(child);
}

/** Runs a shell command in which `bitnet` is bin/bitnet.js. */
export function runShell(command: string, options: CliOptions = {}): Promise<CliResult> {
  const definition = `bitnet() { ${JSON.stringify(process.execPath)} ${JSON.stringify(BIN)} "$@"; }`;
  const child = spawn("bash", ["-c", `${definition}\n${command}`], {
    env: cleanEnv(options.env),
    cwd: options.cwd,
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  return finish(child);
}

/** More than a pipe holds. */
const MUCH_INPUT = "x".repeat(300_000);

/** Waits until a process reads its standard input, by writing more than the pipe takes. */
export async function whenItReads({ stdin }: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stdin?.write(MUCH_INPUT, (error) => (error ? reject(error) : resolve()));
  });
}

/** Whether this machine can give a command a terminal of its own (util-linux). */
export const HAS_TERMINAL = spawnSync("script", ["--version"]).status === 0;

/** Runs bin/bitnet.js in a terminal of 100 columns, with `input` typed into it; both of its streams
 *  come as one text. */
export function runInTerminal(
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  const words = [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(" ");
  const command = `stty cols 100 rows 30; ${words}`;
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    env: { ...cleanEnv(options.env), TERM: "xterm" },
    cwd: options.cwd,
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.write(options.input ?? "");
  return finish(child);
}
