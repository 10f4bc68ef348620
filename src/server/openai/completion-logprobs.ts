import type { TokenLogprob } from "../../engine/binding.ts";
import type { GeneratedToken } from "../../engine/generation.ts";
import type { TokenScore } from "../../scoring/prompt.ts";
import { Detokenizer } from "../../tokenizer/detokenizer.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";

/** Log-probabilities as completions have them. */
export interface CompletionLogprobs {
  readonly tokens: readonly string[];
  /** Null for the first token of a prompt, which nothing predicts. */
  readonly token_logprobs: readonly (number | null)[];
  /** The likeliest tokens, and the one that is there. */
  readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
  /** Where each token's text begins, in characters (code points) of the choice's text. */
  readonly text_offset: readonly number[];
}

interface Entry {
  readonly text: string;
  readonly logprob: number | null;
  readonly top: Readonly<Record<string, number>> | null;
  readonly offset: number;
}

type Texts = Pick<Tokenizer, "decode" | "pieceBytes" | "dropsLeadingSpace">;

/** Lists the tokens of one choice as they come. */
export class LogprobsList {
  readonly #tokenizer: Texts;
  readonly #entries: Entry[] = [];
  readonly #generated: Detokenizer;
  #offset: number;

  /** @param begin  text that stands before what is generated */
  constructor(tokenizer: Texts, begin: string) {
    this.#tokenizer = tokenizer;
    this.#generated = new Detokenizer(tokenizer, { continues: true });
    this.#offset = charactersIn(begin);
  }

  /** All of them; null if there are none because nobody asked. */
  get all(): CompletionLogprobs | null {
    return this.#entries.length === 0 ? null : describe(this.#entries);
  }

  /** The tokens of a prompt that comes back, with their scores; the first has none. */
  prompt(ids: Int32Array, scores: readonly TokenScore[]): CompletionLogprobs {
    const whole = new Detokenizer(this.#tokenizer, { special: true });
    let offset = 0;
    return this.#add(
      Array.from(ids, (id, i): Entry => {
        const text = this.#tokenizer.decode([id], { special: true, continues: i > 0 });
        const begin = offset;
        offset += charactersIn(whole.push(id));
        const score = i > 0 ? scores[i - 1] : undefined;
        if (!score) return { text, logprob: null, top: null, offset: begin };
        const { logprob } = score;
        const top = topOf({ text, logprob }, score.top.map(this.#withText));
        return { text, logprob, top, offset: begin };
      }),
    );
  }

  generated(tokens: readonly GeneratedToken[]): CompletionLogprobs {
    return this.#add(
      tokens.map((token): Entry => {
        const { id, text, logprob } = token;
        const begin = this.#offset;
        this.#offset += charactersIn(this.#generated.push(id));
        return { text, logprob, top: topOf(token, token.top), offset: begin };
      }),
    );
  }

  readonly #withText = ({ token, logprob }: TokenLogprob): Scored => {
    return { text: this.#tokenizer.decode([token], { special: true, continues: true }), logprob };
  };

  #add(entries: readonly Entry[]): CompletionLogprobs {
    this.#entries.push(...entries);
    return describe(entries);
  }
}

type Scored = Pick<GeneratedToken, "text" | "logprob">;

/** Of tokens that look alike, such as those of half a character, the likeliest counts. */
function topOf(own: Scored, top: readonly Scored[]): Readonly<Record<string, number>> {
  const byText = new Map<string, number>();
  for (const { text, logprob } of [...top, own]) {
    byText.set(text, Math.max(logprob, byText.get(text) ?? Number.NEGATIVE_INFINITY));
  }
  return Object.fromEntries(byText);
}

function describe(entries: readonly Entry[]): CompletionLogprobs {
  return {
    tokens: entries.map(({ text }) => text),
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: entries.map(({ top }) => top),
    text_offset: entries.map(({ offset }) => offset),
  };
}

function charactersIn(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
