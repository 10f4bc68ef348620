import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { BIN } from "./cli.ts";

const WAIT_MS = 20_000;
const COLUMNS = 80;

/** The command line on a pseudo-terminal, by the `script` of util-linux, driven by keys. */
export class TestTerminal {
  /** Everything that was shown. */
  text = "";
  /** Exit status. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  #seen = 0;
  #onText: () => void = () => undefined;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    const words = [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(" ");
    this.#child = spawn(
      "script",
      ["-qec", `stty cols ${COLUMNS} rows 40; exec ${words}`, "/dev/null"],
      {
        env: { ...process.env, XDG_CONFIG_HOME: "/nonexistent", TERM: "xterm", CI: "", ...env },
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.text += text;
      this.#onText();
    });
    this.ended = new Promise((resolve) => {
      this.#child.on("close", (code) => resolve(code ?? -1));
    });
  }

  /** Sends keys as they are: `\r` is Enter, `\x03` Ctrl-C. */
  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits for text after what was seen before. */
  async sees(pattern: RegExp | string): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      const rest = this.text.slice(this.#seen);
      const [found] = typeof pattern === "string" ? [pattern] : (pattern.exec(rest) ?? []);
      const at = found === undefined ? -1 : rest.indexOf(found);
      if (found !== undefined && at >= 0) {
        this.#seen += at + found.length;
        return;
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no ${pattern} in ${JSON.stringify(rest)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#onText = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Sends a signal to the command itself: the only child of `script`. */
  signalProgram(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    process.kill(Number(child), signal);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
