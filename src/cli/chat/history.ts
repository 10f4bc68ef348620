import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AtomicFile } from "../../gguf/atomic-file.ts";
import { toLine } from "../../ui/pastes.ts";

/** Lines that are kept; the file is cut back to them when it holds twice as many. */
export const HISTORY_LINES = 1000;
/** Longer texts are not typed again. */
const LONGEST_LINE = 4000;
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/** What was typed in earlier chats, one line each, oldest first. Never a reason to fail. */
export class History {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Newest first; none when the file cannot be read. */
  async load(): Promise<readonly string[]> {
    const text = await readFile(this.#path, "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line !== "");
    const kept = lines.slice(-HISTORY_LINES);
    if (lines.length > 2 * HISTORY_LINES) await this.#rewrite(kept).catch(() => undefined);
    return [...new Set(kept.reverse())];
  }

  /** @returns false when the file cannot be written */
  async add(text: string): Promise<boolean> {
    const line = toLine(text);
    if (line.trim() === "" || line.length > LONGEST_LINE) return true;
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: PRIVATE_FOLDER });
      await appendFile(this.#path, `${line}\n`, { mode: PRIVATE_FILE });
      return true;
    } catch {
      return false;
    }
  }

  async #rewrite(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    const file = await AtomicFile.create(this.#path, bytes.length);
    await file.write(bytes);
    await file.commit();
  }
}
