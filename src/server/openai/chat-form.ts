import type { GeneratedToken, GenerationChunk } from "../../engine/generation.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { AnswerForm, ChoiceForm } from "../answering.ts";
import type { ChatAnswer } from "../schemas/chat.ts";
import type { Tool, ToolCall } from "../schemas/tools.ts";
import type { ServedResult } from "../service.ts";
import { answerHead, finishReason } from "./answer.ts";
import { chatLogprobs } from "./logprobs.ts";
import { ToolCallParser } from "./tool-calls.ts";

export interface ChatFormOptions {
  /** Name of the model. */
  readonly id: string;
  readonly tokenizer: Pick<Tokenizer, "pieceBytes">;
  /** Functions whose calls to look for. */
  readonly tools: readonly Tool[];
}

type Choice = Omit<ChatAnswer["choices"][number], "index">;

/** Answers of /v1/chat/completions. */
export function chatForm(options: ChatFormOptions): AnswerForm<Choice> {
  return {
    head: answerHead("chatcmpl", options.id),
    object: "chat.completion",
    eventObject: "chat.completion.chunk",
    choice: () => new ChatChoice(options),
  };
}

class ChatChoice implements ChoiceForm<Choice> {
  readonly #tokenizer: Pick<Tokenizer, "pieceBytes">;
  readonly #parser: ToolCallParser | undefined;
  #text = "";
  readonly #calls: ToolCall[] = [];
  #tokens: GeneratedToken[] | undefined;

  constructor({ tokenizer, tools }: ChatFormOptions) {
    this.#tokenizer = tokenizer;
    const names = tools.map((tool) => tool.function.name);
    this.#parser = names.length > 0 ? new ToolCallParser(names) : undefined;
  }

  begin(): object {
    return event({ role: "assistant", content: "" });
  }

  add({ text, tokens }: GenerationChunk): object | undefined {
    if (tokens) this.#tokens = [...(this.#tokens ?? []), ...tokens];
    const parsed = this.#parser?.push(text) ?? { text, calls: [] };
    const delta = this.#take(parsed.text, parsed.calls);
    const logprobs = chatLogprobs(tokens, this.#tokenizer);
    if (!delta && !logprobs) return undefined;
    return event(delta ?? { content: "" }, { logprobs });
  }

  end(result: ServedResult): readonly object[] {
    const rest = this.#parser?.flush() ?? { text: "", calls: [] };
    const delta = this.#take(rest.text, rest.calls);
    const last = event({}, { finish_reason: this.#finish(result) });
    return delta ? [event(delta), last] : [last];
  }

  whole(result: ServedResult): Choice {
    const calls = this.#calls.length > 0 ? { tool_calls: this.#calls } : {};
    const content = this.#text === "" && this.#calls.length > 0 ? null : this.#text;
    return {
      message: { role: "assistant", content, ...calls },
      logprobs: chatLogprobs(this.#tokens, this.#tokenizer),
      finish_reason: this.#finish(result),
    };
  }

  #take(text: string, calls: readonly ToolCall[]): object | undefined {
    const first = this.#calls.length;
    this.#text += text;
    this.#calls.push(...calls);
    if (text === "" && calls.length === 0) return undefined;
    return {
      ...(text !== "" && { content: text }),
      ...(calls.length > 0 && {
        tool_calls: calls.map((call, i) => ({ index: first + i, ...call })),
      }),
    };
  }

  #finish({ finishReason: reason }: ServedResult): string {
    return this.#calls.length > 0 ? "tool_calls" : finishReason(reason);
  }
}

function event(delta: object, more: object = {}): object {
  return { delta, logprobs: null, finish_reason: null, ...more };
}
