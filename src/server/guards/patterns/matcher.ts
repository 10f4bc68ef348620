import type { Automaton, Node } from "./automaton.ts";

/** What a text looks like to the patterns so far. */
export interface MatchState {
  /** Pattern that was found, by its index. Nothing after it is looked at. */
  readonly found: number | undefined;
  /** Where a match may have begun that is not complete yet; the text's length where none may. Once a
   *  pattern was found, what it was before the character that completed the match, so that nothing of
   *  the match lies before it. In UTF-16 units from the start. */
  readonly open: number;
}

/** Finds patterns in a text that comes in pieces of whole characters. All patterns go over the text at
 *  once and nothing is read twice, so that the time per character is bounded by the number of states,
 *  whatever the patterns and the text (no backtracking). The answer depends on the text alone, not on
 *  how it was cut. */
export class Matcher {
  readonly #automaton: Automaton;
  #node: Node;
  /** Where the match of each pending state began; the earliest first. */
  #begins: readonly number[] = [];
  #position = 0;
  #found: number | undefined;

  constructor(automaton: Automaton) {
    this.#automaton = automaton;
    this.#node = automaton.start;
  }

  /** Takes the next text. */
  push(text: string): MatchState {
    for (const character of text) {
      if (this.#found !== undefined) break;
      const edge = this.#automaton.step(this.#node, character.codePointAt(0) as number);
      this.#found = edge.found;
      if (edge.found !== undefined) break;
      this.#begins = edge.origins.map((origin) => this.#begins[origin] ?? this.#position);
      this.#node = edge.to;
      this.#position += character.length;
    }
    return this.#state();
  }

  /** The text is over. */
  end(): MatchState {
    this.#found ??= this.#automaton.finish(this.#node);
    if (this.#found === undefined) this.#begins = [];
    return this.#state();
  }

  #state(): MatchState {
    return { found: this.#found, open: this.#begins[0] ?? this.#position };
  }
}
