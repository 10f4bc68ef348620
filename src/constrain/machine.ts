import type {
  CompiledGrammar,
  GrammarCompiler,
  GrammarMatcher,
  TokenizerInfo,
} from "@mlc-ai/web-xgrammar";
import { byteAlphabet } from "../tokenizer/byte-alphabet.ts";
import { type Library, loadLibrary } from "./library.ts";
import type { GrammarSource, TokenBytes, WorkerReply } from "./protocol.ts";
import { Utf8Guard } from "./utf8-guard.ts";

/** Compiled grammars kept for generations to come; with a large vocabulary one takes a few MB. */
const MAX_GRAMMARS = 16;

/** Text of the token that stands for the end. Only its id matters. */
const END_TEXT = "END";

const DONE = { type: "done" } as const;

/** A generation under way. */
interface Run {
  readonly matcher: GrammarMatcher;
  nTokens: number;
  lastByte: number;
}

/** Compiles grammars for a vocabulary and follows generations through them. */
export class GrammarMachine {
  readonly #library: Library;
  readonly #compiler: GrammarCompiler;
  /** The id after the vocabulary's: allowed where the text may end, whichever tokens end it. */
  readonly #end: number;
  readonly #guard: Utf8Guard;
  /** Least recently used first. */
  readonly #grammars = new Map<string, CompiledGrammar>();
  readonly #runs = new Map<number, Run>();

  static async open(tokens: TokenBytes): Promise<GrammarMachine> {
    const library = loadLibrary();
    const texts = spell(tokens);
    const end = texts.length;
    texts.push(END_TEXT);
    const { TokenizerInfo, GrammarCompiler } = library;
    const info: TokenizerInfo = await TokenizerInfo.createTokenizerInfo(
      texts,
      "byte_level",
      false,
      texts.length,
      [end],
    );
    const compiler = await GrammarCompiler.createGrammarCompiler(info, false);
    return new GrammarMachine(library, compiler, end, new Utf8Guard(tokens));
  }

  private constructor(library: Library, compiler: GrammarCompiler, end: number, guard: Utf8Guard) {
    this.#library = library;
    this.#compiler = compiler;
    this.#end = end;
    this.#guard = guard;
  }

  /** What the library last complained of, which it does before it breaks down. */
  complaint(): string {
    return this.#library.complaint();
  }

  heapBytes(): number {
    return this.#library.heapBytes();
  }

  async compile(key: string, { grammar, foreign }: GrammarSource): Promise<WorkerReply> {
    if (this.#grammars.has(key)) return DONE;
    const message = foreign ? await findMistake(grammar) : undefined;
    if (message !== undefined) return { type: "refused", message };
    this.#grammars.set(key, await this.#compiler.compileGrammar(grammar));
    for (const [oldest, compiled] of this.#grammars) {
      if (this.#grammars.size <= MAX_GRAMMARS) break;
      this.#grammars.delete(oldest);
      compiled.dispose();
    }
    return DONE;
  }

  /** The tokens that may come after `tokens`, which go on from the first `from`. */
  async mask(
    generation: number,
    key: string,
    from: number,
    tokens: readonly number[],
  ): Promise<WorkerReply> {
    const run = this.#runs.get(generation) ?? (await this.#start(generation, key));
    if (run?.nTokens !== from) return { type: "unknown" };
    for (const token of tokens) {
      if (!run.matcher.acceptToken(token)) {
        return { type: "failed", message: `token ${token} was allowed and is not accepted` };
      }
      run.nTokens++;
    }
    run.lastByte = this.#guard.lastByte(run.lastByte, tokens);
    const bits = await run.matcher.getNextTokenBitmask();
    const words = new Uint32Array(bits.buffer, bits.byteOffset, bits.length);
    const word = this.#end >>> 5;
    const bit = 1 << (this.#end & 31);
    const canEnd = ((words[word] as number) & bit) !== 0;
    // The library may set bits after the last id, too, which a model with padding could take.
    words[word] = (words[word] as number) & ((bit >>> 0) - 1);
    this.#guard.restrict(words, run.lastByte);
    return { type: "mask", words, canEnd };
  }

  close(generation: number): WorkerReply {
    this.#runs.get(generation)?.matcher.dispose();
    this.#runs.delete(generation);
    return DONE;
  }

  async #start(generation: number, key: string): Promise<Run | undefined> {
    const grammar = this.#grammars.get(key);
    if (!grammar) return undefined;
    this.#grammars.delete(key);
    this.#grammars.set(key, grammar);
    const matcher = await this.#library.GrammarMatcher.createGrammarMatcher(grammar);
    const run: Run = { matcher, nTokens: 0, lastByte: 0 };
    this.#runs.set(generation, run);
    return run;
  }
}

/** What is wrong with a grammar. The library breaks down over it, hence an instance of its own. */
async function findMistake(grammar: string): Promise<string | undefined> {
  const library = loadLibrary();
  try {
    (await library.Grammar.fromEBNF(grammar)).dispose();
    return undefined;
  } catch (error) {
    return library.complaint() || String(error);
  }
}

/** The tokens as strings of the byte alphabet, which spells any bytes as text. */
function spell({ bytes, offsets }: TokenBytes): string[] {
  const alphabet = byteAlphabet();
  const texts: string[] = [];
  for (let id = 0; id + 1 < offsets.length; id++) {
    let text = "";
    for (let i = offsets[id] as number; i < (offsets[id + 1] as number); i++) {
      text += alphabet[bytes[i] as number];
    }
    texts.push(text);
  }
  return texts;
}
