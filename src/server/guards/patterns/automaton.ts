import type { Program, State } from "./program.ts";

/** What is known between two characters of a text. */
export interface Node {
  /** States that the next character goes to. */
  readonly pending: readonly number[];
  /** The last character; undefined before the first. */
  readonly before: number | undefined;
  readonly edges: Map<number, Edge>;
}

/** What one character does to a node. */
export interface Edge {
  readonly to: Node;
  /** For each state of `to`, the state of the node that it came from, by its place there; -1 where it
   *  begins with this character. States that began earlier stand first, if they did so before. */
  readonly origins: readonly number[];
  /** Pattern that is complete, with the character or before it. */
  readonly found: number | undefined;
}

/** Runs a program over texts, and keeps what it has worked out, since texts repeat themselves: then a
 *  character costs no more than it has states. */
export class Automaton {
  readonly #program: Program;
  readonly #passed: Marks;
  readonly #entered: Marks;
  readonly #nodes = new Map<string, Node>();
  #kept = 0;
  #start: Node;

  constructor(program: Program) {
    this.#program = program;
    this.#passed = new Marks(program.states.length);
    this.#entered = new Marks(program.states.length);
    this.#start = this.#node([], undefined);
  }

  get start(): Node {
    return this.#start;
  }

  /** Takes a character. */
  step(node: Node, character: number): Edge {
    const known = node.edges.get(character);
    if (known) return known;
    if (this.#kept > MAX_KEPT) this.#forget();
    const edge = this.#work(node, character);
    this.#kept += edge.origins.length + 1;
    node.edges.set(character, edge);
    return edge;
  }

  /** The pattern that is complete because the text is over. */
  finish({ pending, before }: Node): number | undefined {
    this.#passed.clear();
    for (const at of pending) {
      const found = this.#follow(at, before, undefined, () => undefined);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #work({ pending, before }: Node, character: number): Edge {
    const { complete, entries } = this.#program;
    const states: number[] = [];
    const origins: number[] = [];
    let found: number | undefined;
    this.#passed.clear();
    this.#entered.clear();
    const go = (from: number, origin: number) => {
      const passed = this.#follow(from, before, character, (at) => {
        if (!this.#entered.add(at)) return;
        states.push(at);
        origins.push(origin);
        const pattern = complete[at] as number;
        if (pattern >= 0) found ??= pattern;
      });
      found ??= passed;
    };
    pending.forEach(go);
    for (const entry of entries) go(entry, -1);
    return { to: this.#node(states, character), origins, found };
  }

  /** Goes from a state on to those behind the next character.
   *    before, after  the characters beside the position; undefined at an end of the text
   *  @returns the pattern that is complete before `after` */
  #follow(
    start: number,
    before: number | undefined,
    after: number | undefined,
    enter: (at: number) => void,
  ): number | undefined {
    const open = [start];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (!this.#passed.add(at)) continue;
      const state = this.#program.states[at] as State;
      if (state.kind === "match") return state.pattern;
      if (state.kind === "fork") open.push(...state.nexts);
      if (state.kind === "assertion" && state.holds(before, after)) open.push(state.next);
      if (state.kind !== "character" || after === undefined) continue;
      if (state.accepts(after)) enter(state.next);
    }
    return undefined;
  }

  #node(pending: readonly number[], before: number | undefined): Node {
    const key = `${before}:${pending.join(",")}`;
    const known = this.#nodes.get(key);
    if (known) return known;
    const node = { pending, before, edges: new Map() };
    this.#nodes.set(key, node);
    this.#kept += pending.length + 1;
    return node;
  }

  /** Texts under way go on from the nodes that they hold. */
  #forget(): void {
    this.#nodes.clear();
    this.#kept = 0;
    this.#start = this.#node([], undefined);
  }
}

/** Numbers that are kept at most; about 16 MB. */
const MAX_KEPT = 1_000_000;

/** A set of states that is emptied often. */
class Marks {
  readonly #marks: Uint32Array;
  #mark = 1;

  constructor(size: number) {
    this.#marks = new Uint32Array(size);
  }

  clear(): void {
    this.#mark += 1;
  }

  /** False when it was there before. */
  add(at: number): boolean {
    if (this.#marks[at] === this.#mark) return false;
    this.#marks[at] = this.#mark;
    return true;
  }
}
