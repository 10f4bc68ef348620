import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";

/** One file of `--log-dir` for each step, as bitnet.cpp has it; without the option, nothing. */
export class SetupLog {
  readonly #folder: string | undefined;

  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** Adds lines to the file of a step. */
  async write(step: string, ...lines: readonly string[]): Promise<void> {
    if (this.#folder === undefined) return;
    await mkdir(this.#folder, { recursive: true });
    const stamp = new Date().toISOString();
    const text = lines.flatMap((line) => line.split("\n")).map((line) => `${stamp} ${line}\n`);
    await appendFile(join(this.#folder, `${step}.log`), text.join(""));
  }

  /** Runs a step; its failure is in its file, too. */
  async step<T>(step: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.write(step, `failed: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }
}
