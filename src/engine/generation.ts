import { Detokenizer } from "../tokenizer/detokenizer.ts";
import { StopStrings } from "../tokenizer/stop-strings.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { GenerateEvents, GenerateResult, TokenLogprob } from "./binding.ts";

/** A generated token with its probability. */
export interface GeneratedToken {
  readonly id: number;
  /** The token's own bytes as text; half a character gives U+FFFD. */
  readonly text: string;
  /** Natural logarithm of its probability before sampling settings. */
  readonly logprob: number;
  readonly top: readonly { readonly id: number; readonly text: string; readonly logprob: number }[];
}

/** What was generated since the last chunk. */
export interface GenerationChunk {
  /** Whole characters only; may be empty. */
  readonly text: string;
  readonly tokenIds: readonly number[];
  /** Present when log-probabilities were asked for. */
  readonly tokens?: readonly GeneratedToken[];
}

export interface GenerationResult extends GenerateResult {
  /** The stop string that ended the text. It is not part of the text. */
  readonly stopText?: string;
  /** Seed that gives this text again. */
  readonly seed: bigint;
  /** Of constrained output: whether the text is a whole one of the grammar. False when a limit, a stop
   *  string or a cancellation ended it before. */
  readonly complete?: boolean;
}

/** What a running generation is connected to. */
export interface GenerationSource {
  start(
    onEvents: (events: GenerateEvents) => void,
  ): Promise<GenerateResult & Pick<GenerationResult, "complete">>;
  cancel(): void;
}

export interface GenerationOptions {
  readonly tokenizer: Tokenizer;
  readonly stop: readonly string[];
  readonly seed: bigint;
  /** The text goes on from the prompt's: its first space belongs to it. */
  readonly continues: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onEvents: (events: GenerateEvents) => void;
}

/** A generation under way: iterate over it for text as it comes, await `result` for the end. Leaving
 *  the loop early cancels it. */
export class Generation implements AsyncIterable<GenerationChunk> {
  /** Settles when the generation has ended; the text up to then has been queued by that time. */
  readonly result: Promise<GenerationResult>;
  readonly #options: GenerationOptions;
  readonly #cancel: () => void;
  readonly #detokenizer: Detokenizer;
  readonly #stops: StopStrings;
  #queue: GenerationChunk[] = [];
  #ended = false;
  #stopText: string | undefined;
  #wake: (() => void) | undefined;

  constructor(source: GenerationSource, options: GenerationOptions) {
    this.#options = options;
    this.#cancel = () => source.cancel();
    this.#detokenizer = new Detokenizer(options.tokenizer, { continues: options.continues });
    this.#stops = new StopStrings(options.stop);
    this.result = this.#run(source);
    // Whoever only iterates gets the failure from the iterator.
    this.result.catch(() => {});
  }

  async *[Symbol.asyncIterator](): AsyncIterator<GenerationChunk> {
    try {
      for (;;) {
        const chunk = this.#queue.shift();
        if (chunk) yield chunk;
        else if (this.#ended) break;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      await this.result;
    } finally {
      if (!this.#ended) this.#cancel();
    }
  }

  /** The whole text. */
  async text(): Promise<string> {
    let text = "";
    for await (const chunk of this) text += chunk.text;
    return text;
  }

  async #run(source: GenerationSource): Promise<GenerationResult> {
    const { signal, seed } = this.#options;
    signal?.addEventListener("abort", this.#cancel, { once: true });
    try {
      const started = source.start((events) => this.#take(events));
      if (signal?.aborted) this.#cancel();
      const result = await started;
      if (this.#stopText === undefined)
        this.#push(this.#stops.push(this.#detokenizer.flush()).text);
      this.#push(this.#stops.flush());
      if (this.#stopText === undefined) return { ...result, seed };
      return { ...result, seed, finishReason: "stop", stopText: this.#stopText };
    } finally {
      signal?.removeEventListener("abort", this.#cancel);
      this.#ended = true;
      this.#wake?.();
    }
  }

  #take(events: GenerateEvents): void {
    this.#options.onEvents(events);
    if (this.#stopText !== undefined || events.tokens.length === 0) return;
    let text = "";
    const ids: number[] = [];
    for (const id of events.tokens) {
      ids.push(id);
      const checked = this.#stops.push(this.#detokenizer.push(id));
      text += checked.text;
      if (checked.stop === undefined) continue;
      this.#stopText = checked.stop;
      this.#cancel();
      break;
    }
    const tokens = events.logprobs?.slice(0, ids.length).map(({ logprob, top }, i) => ({
      ...this.#token({ token: ids[i] as number, logprob }),
      top: top.map((entry) => this.#token(entry)),
    }));
    this.#push(text, ids, tokens);
  }

  #token({ token, logprob }: TokenLogprob) {
    const text = this.#options.tokenizer.decode([token], {
      special: true,
      continues: true,
    });
    return { id: token, text, logprob };
  }

  #push(text: string, tokenIds: readonly number[] = [], tokens?: readonly GeneratedToken[]): void {
    if (text === "" && tokenIds.length === 0) return;
    this.#queue.push({ text, tokenIds, ...(tokens && { tokens }) });
    this.#wake?.();
  }
}
