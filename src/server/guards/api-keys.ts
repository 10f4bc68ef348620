import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { ConfigError } from "../../errors.ts";

export interface NamedKey {
  /** Stands in logs and figures in place of the key. */
  readonly name: string;
  readonly key: string;
}

/** Below this a key may be guessed. */
const SAFE_KEY_CHARS = 16;
const SALT_BYTES = 32;
/** What a header can carry after `Bearer`. */
const KEY_TEXT = /^[\x21-\x7e]+$/;
const KEY_NAME = /^[\w.@-]{1,64}$/;

/** The keys that open the server. */
export class ApiKeys {
  /** Keys that are so short that they may be guessed, by their names. */
  readonly weak: readonly string[];
  readonly #salt = randomBytes(SALT_BYTES);
  readonly #hashes: readonly { readonly name: string; readonly hash: Buffer }[];

  /** @throws {ConfigError} a key that no header can carry, a name or key that is there twice */
  constructor(keys: readonly NamedKey[]) {
    for (const { name, key } of keys) {
      if (KEY_TEXT.test(key)) continue;
      throw new ConfigError(
        `API key "${name}" is empty or has characters that no header can carry`,
        {
          hint: "use printable ASCII without blanks, for example from `openssl rand -hex 24`",
        },
      );
    }
    refuseTwice(
      keys.map(({ name }) => name),
      (name) => `two API keys have the name "${name}"`,
    );
    refuseTwice(
      keys.map(({ key }) => key),
      () => "an API key is there twice",
    );
    this.weak = keys.filter(({ key }) => key.length < SAFE_KEY_CHARS).map(({ name }) => name);
    this.#hashes = keys.map(({ name, key }) => ({ name, hash: this.#hash(key) }));
  }

  get size(): number {
    return this.#hashes.length;
  }

  /** Name of the key; undefined where it opens nothing. Takes the same time for every key: hashes are
   *  compared, to their last byte, and all of them. */
  nameOf(presented: string): string | undefined {
    const hash = this.#hash(presented);
    let found: string | undefined;
    for (const key of this.#hashes) {
      if (timingSafeEqual(key.hash, hash)) found = key.name;
    }
    return found;
  }

  #hash(key: string): Buffer {
    return createHmac("sha256", this.#salt).update(key).digest();
  }
}

/** Keys of a file: one per line as `name:key`, or a key alone, which is named after its line. Empty
 *  lines and those that begin with `#` say nothing.
 *  @throws {ConfigError} names the line, never the key */
export function parseKeyFile(text: string, path: string): readonly NamedKey[] {
  const keys: NamedKey[] = [];
  for (const [i, raw] of text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const name = colon < 0 ? `line-${i + 1}` : line.slice(0, colon).trim();
    const key = line.slice(colon + 1).trim();
    if (!KEY_NAME.test(name) || !KEY_TEXT.test(key)) {
      throw new ConfigError(`${path}:${i + 1}: expected name:key, both without blanks`);
    }
    keys.push({ name, key });
  }
  if (keys.length === 0) throw new ConfigError(`${path}: holds no API key`);
  return keys;
}

function refuseTwice(values: readonly string[], message: (value: string) => string): void {
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice !== undefined) throw new ConfigError(message(twice));
}
