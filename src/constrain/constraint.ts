import type { Constraint, TokenMask } from "../engine/constraint.ts";
import { UsageError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { BrokenDown, Host } from "./host.ts";
import { JSON_OBJECT_GRAMMAR } from "./json-rules.ts";
import type { GrammarSource, WorkerReply, WorkerRequest } from "./protocol.ts";
import { schemaGrammar } from "./schema/grammar.ts";

/** What a text shall be: one of these. */
export interface ConstraintSpec {
  /** A JSON text that is valid for this JSON Schema. */
  readonly jsonSchema?: object | boolean | undefined;
  /** A text of this grammar (EBNF), whose rule `root` is the whole. */
  readonly grammar?: string | undefined;
  /** Any JSON object. */
  readonly json?: true | undefined;
}

export interface ConstraintLimits {
  /** For compiling, which a grammar may make as hard as it likes. */
  readonly compileMs?: number | undefined;
}

const COMPILE_MS = 20_000;
/** For the tokens that may come next; usually a fraction of a millisecond. */
const MASK_MS = 10_000;

/** Grammars longer than this are not worth what they take to read. */
const MAX_GRAMMAR_CHARS = 256 * 1024;

/** Constraints kept per vocabulary. */
const MAX_KEPT = 64;

/** Makes a constraint, or gives the one that was made of the same before.
 *  @throws {UsageError} not exactly one kind of constraint, a mistake in it (in the words of who found
 *                       it), a schema that cannot be kept to, or one that is too large or too slow */
export async function compileConstraint(
  tokenizer: Tokenizer,
  spec: ConstraintSpec,
  limits: ConstraintLimits = {},
): Promise<Constraint> {
  const source = sourceOf(spec);
  const shelf = shelfOf(tokenizer);
  const key = `${source.foreign ? "foreign" : "own"}:${source.grammar}`;
  const kept = shelf.constraints.get(key);
  if (kept) shelf.constraints.delete(key);
  const constraint = kept ?? CompiledConstraint.compile(shelf, source, limits);
  shelf.constraints.set(key, constraint);
  for (const oldest of shelf.constraints.keys()) {
    if (shelf.constraints.size <= MAX_KEPT) break;
    shelf.constraints.delete(oldest);
  }
  try {
    return await constraint;
  } catch (error) {
    shelf.constraints.delete(key);
    throw error;
  }
}

function sourceOf({ jsonSchema, grammar, json }: ConstraintSpec): GrammarSource {
  const kinds = [jsonSchema, grammar, json].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) {
    throw new UsageError("a constraint is a JSON Schema, a grammar or JSON: one of them");
  }
  if (jsonSchema !== undefined) return { grammar: schemaGrammar(jsonSchema), foreign: false };
  if (grammar === undefined) return { grammar: JSON_OBJECT_GRAMMAR, foreign: false };
  if (grammar.length > MAX_GRAMMAR_CHARS) {
    throw new UsageError(
      `the grammar has ${grammar.length} characters, at most ${MAX_GRAMMAR_CHARS}`,
    );
  }
  return { grammar, foreign: true };
}

/** What belongs to one vocabulary. */
interface Shelf {
  readonly host: Host;
  readonly constraints: Map<string, Promise<Constraint>>;
  /** Names of grammars and generations, counted. */
  nNames: number;
}

const SHELVES = new WeakMap<Tokenizer, Shelf>();

function shelfOf(tokenizer: Tokenizer): Shelf {
  const known = SHELVES.get(tokenizer);
  if (known) return known;
  const shelf: Shelf = { host: new Host(tokenizer), constraints: new Map(), nNames: 0 };
  SHELVES.set(tokenizer, shelf);
  return shelf;
}

class CompiledConstraint implements Constraint {
  readonly #shelf: Shelf;
  readonly #source: GrammarSource;
  readonly #limitMs: number;
  readonly #key: string;

  static async compile(
    shelf: Shelf,
    source: GrammarSource,
    limits: ConstraintLimits,
  ): Promise<Constraint> {
    const constraint = new CompiledConstraint(shelf, source, limits);
    await constraint.#compile();
    return constraint;
  }

  private constructor(shelf: Shelf, source: GrammarSource, limits: ConstraintLimits) {
    this.#shelf = shelf;
    this.#source = source;
    this.#limitMs = limits.compileMs ?? COMPILE_MS;
    this.#key = String(shelf.nNames++);
  }

  start(stopTokens: Iterable<number>): TokenMask {
    const generation = this.#shelf.nNames++;
    return new Mask([...stopTokens], {
      ask: (from, tokens) => this.#mask(generation, from, tokens),
      close: () => {
        this.#ask({ type: "close", generation }, MASK_MS).catch(() => {});
      },
    });
  }

  async #compile(): Promise<void> {
    const request = { type: "compile", key: this.#key, source: this.#source } as const;
    await this.#ask(request, this.#limitMs);
  }

  /** @returns "unknown" when the worker wants all tokens from the first */
  async #mask(generation: number, from: number, tokens: readonly number[]) {
    const request = { type: "mask", key: this.#key, generation, from, tokens } as const;
    const reply = await this.#ask(request, MASK_MS);
    if (reply.type === "mask") return reply;
    await this.#compile(); // another worker, or the grammar had to make room
    return "unknown" as const;
  }

  async #ask(request: WorkerRequest, limitMs: number) {
    try {
      const reply = await this.#shelf.host.ask(request, limitMs);
      if (reply.type === "refused") throw new UsageError(`grammar: ${reply.message.trim()}`);
      return reply;
    } catch (cause) {
      if (!(cause instanceof BrokenDown)) throw cause;
      const what = request.type === "compile" ? "compiled" : "followed";
      throw new UsageError(`the grammar cannot be ${what}: ${cause.message.trim()}`, {
        cause,
        hint: "use a simpler schema or grammar, with smaller bounds and fewer alternatives",
      });
    }
  }
}

type MaskReply = Extract<WorkerReply, { type: "mask" }>;

interface Follower {
  ask(from: number, tokens: readonly number[]): Promise<MaskReply | "unknown">;
  close(): void;
}

class Mask implements TokenMask {
  readonly #stopTokens: readonly number[];
  readonly #follower: Follower;
  #nKnown = 0;

  constructor(stopTokens: readonly number[], follower: Follower) {
    this.#stopTokens = stopTokens;
    this.#follower = follower;
  }

  async next(accepted: readonly number[]): Promise<Uint32Array> {
    const { words, canEnd } = await this.#follow(accepted);
    // A stop token ends the text, be it one that texts contain.
    for (const id of this.#stopTokens) {
      const word = words[id >>> 5];
      if (word === undefined) continue;
      const bit = 1 << (id & 31);
      words[id >>> 5] = canEnd ? word | bit : word & ~bit;
    }
    if (!canEnd && words.every((word) => word === 0)) {
      throw new UsageError("the grammar leads to where no token of this vocabulary can go on");
    }
    return words;
  }

  async isWhole(accepted: readonly number[]): Promise<boolean> {
    return (await this.#follow(accepted)).canEnd;
  }

  close(): void {
    this.#follower.close();
  }

  async #follow(accepted: readonly number[]): Promise<MaskReply> {
    const from = this.#nKnown;
    this.#nKnown = accepted.length;
    const reply = await this.#follower.ask(from, accepted.slice(from));
    if (reply !== "unknown") return reply;
    const again = await this.#follower.ask(0, accepted.slice());
    if (again === "unknown") throw new UsageError("the grammar was lost twice");
    return again;
  }
}
