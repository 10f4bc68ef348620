import type { GenerationChunk } from "../../engine/generation.ts";
import type { TokenScore } from "../../scoring/prompt.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { AnswerForm, ChoiceForm } from "../answering.ts";
import type { CompletionAnswer } from "../schemas/completion.ts";
import type { ServedResult } from "../service.ts";
import { answerHead, finishReason } from "./answer.ts";
import { LogprobsList } from "./completion-logprobs.ts";

type Choice = Omit<CompletionAnswer["choices"][number], "index">;

/** A prompt that comes back at the beginning of its choices. */
export interface Echo {
  readonly text: string;
  readonly ids: Int32Array;
  /** Tokens that the server put before those: BOS. */
  readonly before: number;
}

export interface CompletionFormOptions {
  /** Name of the model. */
  readonly id: string;
  readonly tokenizer: Tokenizer;
  /** Of a choice, by its index; undefined: nothing comes back. */
  readonly echo: (choice: number) => Echo | undefined;
}

/** Answers of /v1/completions. */
export function completionForm({ id, tokenizer, echo }: CompletionFormOptions): AnswerForm<Choice> {
  return {
    head: answerHead("cmpl", id),
    object: "text_completion",
    eventObject: "text_completion",
    choice: (index) => new CompletionChoice(tokenizer, echo(index)),
  };
}

class CompletionChoice implements ChoiceForm<Choice> {
  readonly #echo: Echo | undefined;
  readonly #logprobs: LogprobsList;
  #text: string;

  constructor(tokenizer: Tokenizer, echo: Echo | undefined) {
    this.#echo = echo;
    this.#text = echo?.text ?? "";
    this.#logprobs = new LogprobsList(tokenizer, this.#text);
  }

  begin(scores: readonly TokenScore[] | undefined): object | undefined {
    if (!this.#echo) return undefined;
    const { text, ids, before } = this.#echo;
    const logprobs = scores ? this.#logprobs.prompt(ids, scores.slice(before)) : null;
    return text === "" && !logprobs ? undefined : event(text, { logprobs });
  }

  add({ text, tokens }: GenerationChunk): object | undefined {
    this.#text += text;
    if (tokens) return event(text, { logprobs: this.#logprobs.generated(tokens) });
    return text === "" ? undefined : event(text);
  }

  end(result: ServedResult): readonly object[] {
    return [event("", { finish_reason: finishReason(result.finishReason) })];
  }

  whole(result: ServedResult): Choice {
    return {
      text: this.#text,
      logprobs: this.#logprobs.all,
      finish_reason: finishReason(result.finishReason),
    };
  }
}

function event(text: string, more: object = {}): object {
  return { text, logprobs: null, finish_reason: null, ...more };
}
