import type { Generation, GenerationResult } from "../engine/generation.ts";
import type { Model } from "../engine/model.ts";
import type { Session } from "../engine/session.ts";
import { UsageError } from "../errors.ts";
import { encodePrompt } from "../tokenizer/tokenizer.ts";
import type { EnergyMeter } from "./energy/meter.ts";
import { positionsOf, type TestCase, testName } from "./plan.ts";
import type { PromptSample, Sample } from "./protocol.ts";
import { tokenIds } from "./token-ids.ts";

/** Enough to touch every weight and every buffer of a batch's first rows. */
const WARM_UP_TOKENS = 64;

/** Measures tests on a loaded model. What was evaluated up to a depth is kept between rounds. */
export class Stopwatch {
  readonly #model: Model;
  readonly #meter: EnergyMeter | null;
  readonly #contextLength: number;
  readonly #sessions = new Map<number, Session>();

  /** @throws {UsageError} a test needs a longer context than the model has */
  constructor(model: Model, tests: readonly TestCase[], meter: EnergyMeter | null) {
    this.#model = model;
    this.#meter = meter;
    const longest = model.hparams.contextLength;
    for (const test of tests) {
      if (positionsOf(test) <= longest) continue;
      const needed = `${testName(test)} needs ${positionsOf(test)} positions`;
      throw new UsageError(`${needed}: the model was made for ${longest}`, {
        hint: "give smaller -p, -n or -d",
      });
    }
    const wanted = Math.max(WARM_UP_TOKENS + 2, ...tests.map(positionsOf));
    this.#contextLength = Math.min(wanted, longest);
  }

  async warmUp(): Promise<void> {
    const n = Math.min(WARM_UP_TOKENS, this.#contextLength - 2);
    const session = this.#model.createSession();
    await session.generate(this.#ids(Math.max(1, n)), greedy(2)).result;
    session.close();
  }

  async sample(test: TestCase): Promise<Sample> {
    const session = await this.#sessionAt(test.depth);
    return test.kind === "prompt" ? this.#prompt(session, test) : this.#generate(session, test);
  }

  /** Answers a text that a person wrote. */
  async answer(text: string, maxTokens: number): Promise<PromptSample> {
    const session = this.#model.createSession();
    try {
      const ids = encodePrompt(this.#model.tokenizer, text, { special: true });
      const { promptTokens, generatedTokens, firstTokenMs, promptMs, generateMs } =
        await session.generate(ids, { maxTokens, sampling: { temperature: 0 } }).result;
      const error = generatedTokens > 0 ? null : "no token was generated";
      return { error, promptTokens, generatedTokens, firstTokenMs, promptMs, generateMs };
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown.message : String(thrown);
      return { error, ...NOTHING };
    } finally {
      session.close();
    }
  }

  close(): void {
    for (const session of this.#sessions.values()) session.close();
  }

  async #prompt(session: Session, { tokens, depth }: TestCase): Promise<Sample> {
    const ids = this.#ids(depth + tokens);
    const before = this.#meter?.read();
    const { promptMs, firstTokenMs } = await session.generate(ids, greedy(1)).result;
    const joules = this.#since(before);
    return { tokens, seconds: promptMs / 1000, firstTokenMs, intervalsMs: [], joules };
  }

  /** The first token comes with the prompt: the time between it and the last is measured. */
  async #generate(session: Session, { tokens, depth }: TestCase): Promise<Sample> {
    const ids = this.#ids(Math.max(1, depth));
    const generation = session.generate(ids, greedy(tokens + 1));
    const watched = await watch(generation, () => this.#meter?.read());
    const joules = this.#since(watched.meterAtFirst);
    const { result, intervalsMs } = watched;
    return { tokens, seconds: result.generateMs / 1000, firstTokenMs: null, intervalsMs, joules };
  }

  #since(before: number | undefined): number | null {
    return before === undefined || this.#meter === null ? null : this.#meter.read() - before;
  }

  /** A session that holds exactly `depth` tokens. */
  async #sessionAt(depth: number): Promise<Session> {
    const kept = this.#sessions.get(depth);
    if (depth === 0) kept?.close();
    const session =
      depth > 0 && kept ? kept : this.#model.createSession({ contextLength: this.#contextLength });
    this.#sessions.set(depth, session);
    if (depth > 0) await session.evaluate(this.#ids(depth));
    return session;
  }

  #ids(n: number): Int32Array {
    return tokenIds(n, this.#model.tokenizer.vocabSize);
  }
}

const NOTHING = {
  promptTokens: 0,
  generatedTokens: 0,
  firstTokenMs: 0,
  promptMs: 0,
  generateMs: 0,
} as const;

/** Likeliest tokens, as many as are wanted, one by one: guessing ahead would flatter a text that
 *  nobody reads. */
function greedy(maxTokens: number) {
  return { sampling: { temperature: 0 }, stopTokens: [], maxTokens, speculate: "off" } as const;
}

interface Watched {
  readonly result: GenerationResult;
  readonly intervalsMs: readonly number[];
  readonly meterAtFirst: number | undefined;
}

async function watch(
  generation: Generation,
  readMeter: () => number | undefined,
): Promise<Watched> {
  const intervalsMs: number[] = [];
  let last: number | undefined;
  let meterAtFirst: number | undefined;
  for await (const { tokenIds: ids } of generation) {
    if (ids.length === 0) continue;
    const now = performance.now();
    if (last === undefined) meterAtFirst = readMeter();
    // What came at once shares the time since the last.
    else intervalsMs.push(...ids.map(() => (now - (last ?? now)) / ids.length));
    last = now;
  }
  return { result: await generation.result, intervalsMs, meterAtFirst };
}
