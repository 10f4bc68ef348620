import { type Conversation, limitsOf } from "../../chat/conversation.ts";
import type { ChatTemplate } from "../../chat/template.ts";
import { continued } from "../../engine/constraint.ts";
import type { GenerationChunk, GenerationResult } from "../../engine/generation.ts";
import type { GenerateOptions, Session } from "../../engine/session.ts";

/** What answers are made with. */
export interface Speaker {
  readonly session: Session;
  readonly template: ChatTemplate;
}

export interface AnswerOptions extends GenerateOptions {
  /** -1: until the model ends the answer. */
  readonly maxTokens: number;
  readonly onChunk: (chunk: GenerationChunk) => Promise<void>;
  /** The oldest turns are left out from now on. */
  readonly onLeftOut: () => void;
}

export interface Answer extends GenerationResult {
  readonly text: string;
  /** Token ids of all that the model saw and said. */
  readonly ids: Int32Array;
}

/** The model's answer to `user`. When the context window is full, before the answer or in the middle
 *  of it, the oldest turns are left out.
 *  @throws {ResourceError} the question alone does not fit the window */
export async function answer(
  { session, template }: Speaker,
  conversation: Conversation,
  user: string,
  options: AnswerOptions,
): Promise<Answer> {
  const { maxTokens, onChunk, onLeftOut, constraint, ...generateOptions } = options;
  const { contextLength } = session;
  const promptOf = () => {
    const messages = conversation.messagesWith(user);
    const known = conversation.known();
    return (known && template.encodeAfter(messages, known)) ?? template.encode(messages);
  };
  const limits = limitsOf(contextLength, maxTokens);
  const encodedLength = () => promptOf().length;
  if (conversation.fit(user, limits, encodedLength) > 0) onLeftOut();
  let text = "";
  const said: number[] = [];
  let total: GenerationResult | undefined;
  for (;;) {
    const left = maxTokens < 0 ? maxTokens : maxTokens - said.length;
    const prompt = [...promptOf(), ...said];
    const generation = session.generate(prompt, {
      ...generateOptions,
      maxTokens: left,
      constraint: constraint && continued(constraint, [...said]),
    });
    for await (const chunk of generation) {
      text += chunk.text;
      said.push(...chunk.tokenIds);
      await onChunk(chunk);
    }
    total = sum(total, await generation.result);
    if (total.finishReason !== "context" || !conversation.shed()) {
      return { ...total, text, ids: Int32Array.from([...promptOf(), ...said]) };
    }
    onLeftOut();
  }
}

/** Figures of an answer that was generated in several goes. */
function sum(earlier: GenerationResult | undefined, last: GenerationResult): GenerationResult {
  if (!earlier) return last;
  return {
    ...last,
    seed: earlier.seed,
    generatedTokens: earlier.generatedTokens + last.generatedTokens,
    draftedTokens: earlier.draftedTokens + last.draftedTokens,
    acceptedTokens: earlier.acceptedTokens + last.acceptedTokens,
    promptTokens: earlier.promptTokens + last.promptTokens,
    promptMs: earlier.promptMs + last.promptMs,
    generateMs: earlier.generateMs + last.generateMs,
    firstTokenMs: earlier.firstTokenMs,
  };
}
