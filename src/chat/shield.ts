import { UsageError } from "../errors.ts";
import { AddedTokenSplitter } from "../tokenizer/added-tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** Private-use characters: no case, no white space, no meaning, so that trimming, capitalising or
 *  splitting in a template leaves them where they are. */
const FIRST_SENTINEL = 0xe000;
const LAST_SENTINEL = 0xf8ff;
const SENTINELS = /[\ue000-\uf8ff]/g;

/** Keeps what a user typed from becoming special tokens on its way through a template.
 *
 *  Before rendering, the first character of every special token's text in user strings is replaced
 *  by a sentinel: a private-use character that occurs in none of the inputs. After rendering, text is
 *  cut at special tokens (all of them the template's own), and only then are sentinels turned back.
 *  User text and template text stay joined, so they are tokenized together, as by other programs.
 *  One character stands for one: lengths, slices, and tests for ordinary words work as ever. */
export class Shield {
  readonly #texts: readonly string[];
  readonly #longest: number;
  readonly #firstChars: ReadonlySet<string>;
  readonly #lastChars: ReadonlySet<string>;
  readonly #splitter: AddedTokenSplitter;
  readonly #used: ReadonlySet<string>;
  readonly #sentinelOf = new Map<string, string>();
  readonly #originalOf = new Map<string, string>();
  #next = FIRST_SENTINEL;

  /** @param inputs  everything that goes into the rendering: user strings and the template */
  constructor(specialTokens: Tokenizer["specialTokens"], inputs: Iterable<string>) {
    const tokens = [...specialTokens].map(([text, id]) => ({ text, id }));
    this.#texts = tokens.map(({ text }) => text);
    this.#longest = this.#texts.reduce((most, { length }) => Math.max(most, length), 0);
    this.#firstChars = new Set(this.#texts.map((text) => text.slice(0, 1)));
    this.#lastChars = new Set(this.#texts.map((text) => text.slice(-1)));
    this.#splitter = new AddedTokenSplitter(tokens);
    const used = new Set<string>();
    for (const input of inputs) for (const [char] of input.matchAll(SENTINELS)) used.add(char);
    this.#used = used;
  }

  /** Protects a message's content, whose place in the template is not known: parts of special tokens
   *  at its ends count, too. */
  protectContent(text: string): string {
    return this.#replace(text, [...this.#wholes(text), ...this.#edges(text)]);
  }

  /** A copy of a template variable with all strings in it protected. Words that happen to be a part of
   *  a special token stay, because templates look values up and compare them. */
  protectVariable(value: unknown): unknown {
    if (typeof value === "string") return this.#replace(value, this.#wholes(value));
    if (Array.isArray(value)) return value.map((item) => this.protectVariable(item));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => [
      this.#replace(key, this.#wholes(key)),
      this.protectVariable(item),
    ]);
    return Object.fromEntries(entries);
  }

  /** Undoes the protection in rendered text. */
  restore(text: string): string {
    if (this.#originalOf.size === 0) return text;
    return text.replace(SENTINELS, (char) => this.#originalOf.get(char) ?? char);
  }

  #replace(text: string, places: readonly number[]): string {
    if (places.length === 0) return text;
    const units = text.split("");
    for (const at of new Set(places)) units[at] = this.#sentinel(units[at] as string);
    return units.join("");
  }

  /** Where whole special tokens begin, overlapping ones included. */
  #wholes(text: string): number[] {
    const places: number[] = [];
    for (let at = 0; at < text.length; at++) {
      if (this.#splitter.matchAt(text, at)) places.push(at);
    }
    return places;
  }

  /** Where parts of special tokens stand at the ends of the text (white space aside, templates trim
   *  it): with what the template puts next to them they could become whole ones. */
  #edges(text: string): number[] {
    const core = text.trim();
    if (core === "") return [];
    const start = text.indexOf(core);
    const reach = Math.min(this.#longest, core.length);
    const edges: number[] = [];
    if (this.#texts.some((special) => special.includes(core))) edges.push(start);
    for (let length = 1; length <= reach; length++) {
      const head = core.slice(0, length);
      if (this.#lastChars.has(head.slice(-1)) && this.#texts.some((one) => one.endsWith(head))) {
        edges.push(start);
      }
      const tail = core.slice(-length);
      if (
        this.#firstChars.has(tail.slice(0, 1)) &&
        this.#texts.some((one) => one.startsWith(tail))
      ) {
        edges.push(start + core.length - length);
      }
    }
    return edges;
  }

  #sentinel(original: string): string {
    const known = this.#sentinelOf.get(original);
    if (known !== undefined) return known;
    while (this.#next <= LAST_SENTINEL && this.#used.has(String.fromCharCode(this.#next))) {
      this.#next++;
    }
    if (this.#next > LAST_SENTINEL) {
      throw new UsageError("messages: they use every private-use character (U+E000 to U+F8FF)");
    }
    const sentinel = String.fromCharCode(this.#next++);
    this.#sentinelOf.set(original, sentinel);
    this.#originalOf.set(sentinel, original);
    return sentinel;
  }
}

/** All strings in a value, keys included. */
export function* stringsIn(value: unknown): Generator<string> {
  if (typeof value === "string") {
    yield value;
  } else if (Array.isArray(value)) {
    for (const item of value) yield* stringsIn(item);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield key;
      yield* stringsIn(item);
    }
  }
}
