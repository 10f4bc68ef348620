import { join } from "node:path";
import { ModelFormatError } from "../errors.ts";
import { openFile, readFully } from "../gguf/files.ts";
import { quote } from "../gguf/quote.ts";

/** The largest tokenizer.json files (262 k vocabulary) are about 35 MB. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;

/** Typed access to a JSON object from a file; every error names the file, the key, what was expected
 *  and what was found. */
export class JsonObject {
  readonly file: string;
  readonly #values: object;

  constructor(file: string, value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new ModelFormatError(`${file}: expected an object, found ${show(value)}`);
    }
    this.file = file;
    this.#values = value;
  }

  /** The value, or undefined when it is missing or null. */
  get(key: string): unknown {
    // Own keys alone: `constructor` is no key unless the file has it.
    if (!Object.hasOwn(this.#values, key)) return undefined;
    return (this.#values as Record<string, unknown>)[key] ?? undefined;
  }

  entries(): readonly [string, unknown][] {
    return Object.entries(this.#values);
  }

  string(key: string): string | undefined {
    return this.#typed(key, "a string", (value) => typeof value === "string") as string | undefined;
  }

  boolean(key: string): boolean | undefined {
    const isBoolean = (value: unknown): boolean => typeof value === "boolean";
    return this.#typed(key, "true or false", isBoolean) as boolean | undefined;
  }

  number(key: string): number | undefined {
    return this.#typed(key, "a number", Number.isFinite) as number | undefined;
  }

  /** A whole number from 1 to 2^31 - 1: a size or a count. */
  count(key: string): number | undefined {
    return this.#typed(key, "a positive whole number", isCount) as number | undefined;
  }

  array(key: string): readonly unknown[] | undefined {
    return this.#typed(key, "an array", Array.isArray) as readonly unknown[] | undefined;
  }

  object(key: string): JsonObject | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : new JsonObject(`${this.file}: ${key}`, value);
  }

  /** Item `index` of an array property, as an object. */
  item(key: string, index: number): JsonObject {
    return new JsonObject(`${this.file}: ${key}[${index}]`, this.array(key)?.[index]);
  }

  /** The result of `read`, which must not be undefined. */
  need<T>(key: string, read: (key: string) => T | undefined): T {
    const value = read.call(this, key);
    if (value === undefined) throw new ModelFormatError(`${this.file}: ${key} is missing`);
    return value;
  }

  #typed(key: string, expected: string, test: (value: unknown) => boolean): unknown {
    const value = this.get(key);
    if (value === undefined || test(value)) return value;
    throw new ModelFormatError(`${this.file}: ${key}: expected ${expected}, found ${show(value)}`);
  }
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 2 ** 31;
}

/** A short quotation of a JSON value for a message. */
export function show(value: unknown): string {
  if (typeof value === "string") return `"${quote(value).replace(/^"|"$/g, "")}"`;
  const text = JSON.stringify(value) ?? "nothing";
  const cut = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return cut.replace(/[^\x20-\x7e]/g, "?");
}

/** Reads `folder/name` as a JSON object.
 *  @throws {NotFoundError} missing or unreadable
 *  @throws {ModelFormatError} not JSON, not an object, or too large */
export async function readJson(folder: string, name: string): Promise<JsonObject> {
  const path = join(folder, name);
  return parseJson(await readText(path), path);
}

/** Parses the text of `file` as a JSON object.
 *  @throws {ModelFormatError} not JSON, or not an object */
export function parseJson(text: string, file: string): JsonObject {
  try {
    return new JsonObject(file, JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser quotes the text, whatever that holds.
    const problem = error.message.replace(/[^\x20-\x7e]/g, "?");
    throw new ModelFormatError(`${file} is not valid JSON: ${problem}`, { cause: error });
  }
}

/** As `readJson`, but undefined when there is no such file. */
export async function readJsonIfPresent(
  folder: string,
  name: string,
  present: readonly string[],
): Promise<JsonObject | undefined> {
  return present.includes(name) ? await readJson(folder, name) : undefined;
}

/** @throws {NotFoundError} missing or unreadable
 *  @throws {ModelFormatError} too large for a text file of a checkpoint */
export async function readText(path: string): Promise<string> {
  await using file = await openFile(path);
  if (file.bytes > MAX_JSON_BYTES) {
    throw new ModelFormatError(`${path} has ${file.bytes} bytes, the limit is ${MAX_JSON_BYTES}`);
  }
  const bytes = Buffer.allocUnsafe(file.bytes);
  await readFully(file, bytes, 0);
  return bytes.toString("utf8");
}
