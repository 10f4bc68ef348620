import { Automaton } from "./automaton.ts";
import { Matcher } from "./matcher.ts";
import { ProgramBuilder } from "./program.ts";
import { PatternError, parsePattern } from "./syntax.ts";

/** A list of patterns, as a file holds it. */
export class PatternSet {
  /** Where each pattern stands, for the operator's eyes: `words.txt:3`. */
  readonly #places: readonly string[];
  readonly #automaton: Automaton;

  private constructor(places: readonly string[], automaton: Automaton) {
    this.#places = places;
    this.#automaton = automaton;
  }

  /** One regular expression per line, in JavaScript's Unicode mode and without regard to case;
   *  `(?-i)` before it minds the case. Empty lines and those that begin with `#` say nothing.
   *  @throws {PatternError} names the line; also where there is no pattern at all */
  static read(text: string, name: string): PatternSet {
    const builder = new ProgramBuilder();
    const places: string[] = [];
    for (const [i, line] of text.replace(BYTE_ORDER_MARK, "").split(/\r?\n/).entries()) {
      if (line.trim() === "" || line.startsWith("#")) continue;
      const place = `${name}:${i + 1}`;
      const ignoreCase = !line.startsWith(MINDS_CASE);
      const source = ignoreCase ? line : line.slice(MINDS_CASE.length);
      try {
        builder.add(parsePattern(source, { ignoreCase }));
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        throw new PatternError(`${place}: ${error.message}`);
      }
      places.push(place);
    }
    if (places.length === 0) throw new PatternError(`${name}: holds no pattern`);
    return new PatternSet(places, new Automaton(builder.build()));
  }

  get size(): number {
    return this.#places.length;
  }

  place(pattern: number): string {
    return this.#places[pattern] ?? "";
  }

  matcher(): Matcher {
    return new Matcher(this.#automaton);
  }

  /** The pattern that a whole text holds, by its place. */
  find(text: string): string | undefined {
    const matcher = this.matcher();
    const found = matcher.push(text).found ?? matcher.end().found;
    return found === undefined ? undefined : this.place(found);
  }
}

const MINDS_CASE = "(?-i)";
const BYTE_ORDER_MARK = /^\ufeff/;
