import { readdirSync } from "node:fs";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Turn } from "../../chat/conversation.ts";
import { suggest } from "../../config/suggest.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { AtomicFile } from "../../gguf/atomic-file.ts";
import { fileError } from "../../gguf/files.ts";

/** A chat as it is kept. */
export interface SavedChat {
  /** Path of the model that it was with. */
  readonly model: string;
  readonly system: string | undefined;
  readonly turns: readonly Turn[];
  /** How many of the oldest turns the model does not see. */
  readonly leftOut: number;
}

const VERSION = 1;
const SUFFIX = ".json";
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._ -]{0,99}$/u;
/** Only the user may read what he said. */
const PRIVATE_FOLDER = 0o700;

/** Chats in a folder, one file each, which is always whole. */
export class SavedChats {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws {UsageError}    a name that would not do as the name of a file
   *  @throws {NotFoundError} the folder cannot be written to
   *  @throws {ResourceError} the disk is full */
  async save(name: string, chat: SavedChat): Promise<void> {
    const path = this.#pathOf(name);
    await mkdir(this.#folder, { recursive: true, mode: PRIVATE_FOLDER }).catch((error: unknown) => {
      throw fileError(error, "write", this.#folder);
    });
    const document = { version: VERSION, savedAt: new Date().toISOString(), ...chat };
    const bytes = Buffer.from(`${JSON.stringify(document, undefined, 2)}\n`);
    const file = await AtomicFile.create(path, bytes.length);
    try {
      await file.write(bytes);
      await file.commit();
    } catch (error) {
      await file.abort();
      throw error;
    }
  }

  /** @throws {UsageError}    a name that no chat can have
   *  @throws {NotFoundError} there is no such chat, or its file is damaged */
  async load(name: string): Promise<SavedChat> {
    const path = this.#pathOf(name);
    const text = await readFile(path, "utf8").catch(async (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw fileError(error, "read", path);
      const meant = suggest(name, await this.names());
      const hint = meant ? `did you mean ${meant}?` : "in a chat, /load lists what there is";
      throw new NotFoundError(`there is no chat "${name}"`, { hint });
    });
    return parseChat(text, path);
  }

  /** Newest first. */
  async names(): Promise<readonly string[]> {
    const files = await readdir(this.#folder).catch(() => [] as string[]);
    const dated = await Promise.all(
      files.filter(isChat).map(async (file) => {
        const { mtimeMs } = await stat(join(this.#folder, file)).catch(() => ({ mtimeMs: 0 }));
        return { name: file.slice(0, -SUFFIX.length), mtimeMs };
      }),
    );
    return dated.sort((a, b) => b.mtimeMs - a.mtimeMs).map(({ name }) => name);
  }

  /** The same, at once and in no order, for completion. */
  namesNow(): readonly string[] {
    try {
      return readdirSync(this.#folder)
        .filter(isChat)
        .map((file) => file.slice(0, -SUFFIX.length));
    } catch {
      return [];
    }
  }

  #pathOf(name: string): string {
    if (!NAME.test(name)) {
      throw new UsageError(`"${name}" cannot be the name of a chat`, {
        hint: "letters, digits, spaces, . _ and - will do, at most 100, a letter or digit first",
      });
    }
    return join(this.#folder, `${name}${SUFFIX}`);
  }
}

function isChat(file: string): boolean {
  return file.endsWith(SUFFIX) && NAME.test(file.slice(0, -SUFFIX.length));
}

/** Name of a chat that was given none: when it began, `2026-03-07 14.05.31`. */
export function nameByTime(now: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  return `${day} ${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(".")}`;
}

function parseChat(text: string, path: string): SavedChat {
  const damaged = (what: string): NotFoundError =>
    new NotFoundError(`cannot read ${path}: ${what}`, { hint: "it is damaged: remove it" });
  const document = parseObject(text);
  if (!document) throw damaged("it is not a JSON document");
  const { version, model, system, turns, leftOut = 0 } = document;
  if (typeof version === "number" && version > VERSION) {
    throw new NotFoundError(`cannot read ${path}: a newer version of this program wrote it`);
  }
  if (version !== VERSION) throw damaged("version is missing");
  if (typeof model !== "string") throw damaged("model is not a text");
  if (system !== undefined && typeof system !== "string") throw damaged("system is not a text");
  if (!Array.isArray(turns) || !turns.every(isTurn)) throw damaged("turns are not all turns");
  if (typeof leftOut !== "number" || !(leftOut >= 0 && leftOut <= turns.length)) {
    throw damaged("leftOut is not a number of turns");
  }
  const said = turns.map(({ user, assistant }) => ({ user, assistant }));
  return { model, system, turns: said, leftOut: Math.floor(leftOut) };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isTurn(value: unknown): value is Turn {
  if (typeof value !== "object" || value === null) return false;
  const { user, assistant } = value as Partial<Turn>;
  return typeof user === "string" && typeof assistant === "string";
}
