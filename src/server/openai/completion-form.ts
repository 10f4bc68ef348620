import type { GeneratedToken, GenerationChunk } from "../../engine/generation.ts";
import type { AnswerForm, ChoiceForm } from "../answering.ts";
import type { CompletionAnswer } from "../schemas/completion.ts";
import type { ServedResult } from "../service.ts";
import { answerHead, finishReason } from "./answer.ts";

type Choice = Omit<CompletionAnswer["choices"][number], "index">;

/** Answers of /v1/completions.
 *    id    name of the model
 *    echo  text that a choice begins with: its prompt, if that is to come back */
export function completionForm(id: string, echo: (choice: number) => string): AnswerForm<Choice> {
  return {
    head: answerHead("cmpl", id),
    object: "text_completion",
    eventObject: "text_completion",
    choice: (index) => new CompletionChoice(echo(index)),
  };
}

interface CompletionLogprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly number[];
  readonly top_logprobs: readonly Readonly<Record<string, number>>[];
  /** Where each token's text begins, in characters of the choice's text. */
  readonly text_offset: readonly number[];
}

class CompletionChoice implements ChoiceForm<Choice> {
  readonly #echo: string;
  #text: string;
  #offset: number;
  #tokens: GeneratedToken[] | undefined;

  constructor(echo: string) {
    this.#echo = echo;
    this.#text = echo;
    this.#offset = echo.length;
  }

  begin(): object | undefined {
    return this.#echo === "" ? undefined : event(this.#echo);
  }

  add({ text, tokens }: GenerationChunk): object | undefined {
    this.#text += text;
    if (!tokens) return text === "" ? undefined : event(text);
    this.#tokens = [...(this.#tokens ?? []), ...tokens];
    const logprobs = describe(tokens, this.#offset);
    for (const token of tokens) this.#offset += token.text.length;
    return event(text, { logprobs });
  }

  end(result: ServedResult): readonly object[] {
    return [event("", { finish_reason: finishReason(result.finishReason) })];
  }

  whole(result: ServedResult): Choice {
    return {
      text: this.#text,
      logprobs: this.#tokens ? describe(this.#tokens, this.#echo.length) : null,
      finish_reason: finishReason(result.finishReason),
    };
  }
}

function describe(tokens: readonly GeneratedToken[], begin: number): CompletionLogprobs {
  let offset = begin;
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) =>
      Object.fromEntries(top.map(({ text, logprob }) => [text, logprob])),
    ),
    text_offset: tokens.map(({ text }) => {
      offset += text.length;
      return offset - text.length;
    }),
  };
}

function event(text: string, more: object = {}): object {
  return { text, logprobs: null, finish_reason: null, ...more };
}
