import { UsageError } from "../../errors.ts";

/** Longer grammars take too long, whatever they say. */
const MAX_CHARS = 512 * 1024;

/** The rules of a grammar under construction. */
export class Rules {
  readonly #bodies = new Map<string, string>();
  /** The name of a rule by its body: equal ones are one. */
  readonly #names = new Map<string, string>();
  #nChars = 0;

  /** A rule with this body; `hint` begins its name.
   *  @throws {UsageError} the grammar has become too long */
  add(hint: string, body: string): string {
    const known = this.#names.get(body);
    if (known !== undefined) return known;
    const name = `${hint}_${this.#bodies.size}`;
    this.#names.set(body, name);
    this.name(name, body);
    return name;
  }

  /** One of the options. The library joins alternatives of one rule that begin or end alike, and may
   *  join too many of them (mlc-ai/xgrammar#632, mended after 0.1.27): "[0-9] | "-" [0-9] [0-9]" and the
   *  like let texts of neither through. So each is a rule of its own, and `nil` keeps it one. */
  choice(options: readonly string[]): string {
    const [only] = options;
    if (only !== undefined && options.length === 1) return only;
    const names = options.map((option) => this.add("option", `${option} nil`));
    return this.add("choice", names.join(" | "));
  }

  /** A name whose body comes later, or under another name. */
  reserve(hint: string): string {
    const name = `${hint}_${this.#bodies.size}`;
    this.#bodies.set(name, "");
    return name;
  }

  name(name: string, body: string): void {
    this.#bodies.set(name, body);
    this.#nChars += body.length;
    if (this.#nChars > MAX_CHARS) {
      throw new UsageError(`schema: its grammar has more than ${MAX_CHARS} characters`);
    }
  }

  toString(): string {
    return [...this.#bodies].map(([name, body]) => `${name} ::= ${body}\n`).join("");
  }
}
