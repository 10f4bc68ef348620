import { type AssertionTest, type CharacterTest, type Pattern, PatternError } from "./syntax.ts";

/** A state of the automaton of all patterns together; states are known by their index. */
export type State =
  | { readonly kind: "character"; readonly accepts: CharacterTest; readonly next: number }
  | { readonly kind: "assertion"; readonly holds: AssertionTest; readonly next: number }
  | { readonly kind: "fork"; readonly nexts: readonly number[] }
  | { readonly kind: "match"; readonly pattern: number };

export interface Program {
  readonly states: readonly State[];
  /** Where each pattern begins. */
  readonly entries: readonly number[];
  /** Pattern that is complete in a state, whatever comes next; -1 where none is. */
  readonly complete: Int32Array;
}

/** The work per character is at most in proportion to these. */
const MAX_PATTERN_STATES = 2000;
const MAX_STATES = 50_000;

/** Puts patterns into one automaton (Thompson's construction).
 *  @throws {PatternError} a pattern that matches everywhere, or that is too large */
export class ProgramBuilder {
  readonly #states: State[] = [];
  readonly #entries: number[] = [];
  #first = 0;

  add(pattern: Pattern): void {
    if (canBeEmpty(pattern)) throw new PatternError("it matches the empty text, so everything");
    this.#first = this.#states.length;
    const end = this.#push({ kind: "match", pattern: this.#entries.length });
    this.#entries.push(this.#build(pattern, end));
  }

  build(): Program {
    const states = this.#states;
    const complete = Int32Array.from(states, (_, at) => completedIn(states, at));
    return { states, entries: this.#entries, complete };
  }

  /** States that read `pattern` and go on to `next`; gives the first. */
  #build(pattern: Pattern, next: number): number {
    switch (pattern.kind) {
      case "character":
        return this.#push({ kind: "character", accepts: pattern.accepts, next });
      case "assertion":
        return this.#push({ kind: "assertion", holds: pattern.holds, next });
      case "sequence":
        return pattern.items.reduceRight((after, item) => this.#build(item, after), next);
      case "choice":
        return this.#push({
          kind: "fork",
          nexts: pattern.items.map((item) => this.#build(item, next)),
        });
      case "repeat":
        return this.#repeat(pattern, next);
      default:
        return pattern satisfies never;
    }
  }

  #repeat({ item, min, max }: Pattern & { readonly kind: "repeat" }, next: number): number {
    let at = max === undefined ? this.#loop(item, next) : next;
    for (let i = min; i < (max ?? min); i++) {
      at = this.#push({ kind: "fork", nexts: [this.#build(item, at), next] });
    }
    for (let i = 0; i < min; i++) at = this.#build(item, at);
    return at;
  }

  #loop(item: Pattern, next: number): number {
    const nexts = [next];
    const fork = this.#push({ kind: "fork", nexts });
    nexts.push(this.#build(item, fork));
    return fork;
  }

  #push(state: State): number {
    const count = this.#states.push(state);
    if (count - this.#first > MAX_PATTERN_STATES) {
      throw new PatternError(`it has more than ${MAX_PATTERN_STATES} states`);
    }
    if (count > MAX_STATES) {
      throw new PatternError(`the patterns have more than ${MAX_STATES} states together`);
    }
    return count - 1;
  }
}

function canBeEmpty(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "character":
      return false;
    case "assertion":
      return true;
    case "sequence":
      return pattern.items.every(canBeEmpty);
    case "choice":
      return pattern.items.some(canBeEmpty);
    case "repeat":
      return pattern.min === 0 || canBeEmpty(pattern.item);
    default:
      return pattern satisfies never;
  }
}

function completedIn(states: readonly State[], start: number): number {
  const seen = new Set<number>();
  const open = [start];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const state = states[at];
    if (state === undefined || seen.has(at)) continue;
    seen.add(at);
    if (state.kind === "match") return state.pattern;
    if (state.kind === "fork") open.push(...state.nexts);
  }
  return -1;
}
