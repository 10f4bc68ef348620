import type { FastifyReply } from "fastify";
import type { GenerationChunk } from "../engine/generation.ts";
import type { TokenScore } from "../scoring/prompt.ts";
import { type Answering, type ChoicesRequest, generateChoices } from "./choices.ts";
import type { AnswerHead } from "./openai/answer.ts";
import { usageOf } from "./openai/usage.ts";
import type { Usage } from "./schemas/common.ts";
import type { ServedResult } from "./service.ts";
import { type EventStream, sendEvents } from "./sse.ts";

/** What an answer looks like, whole or piece by piece.
 *    C  an entry of its `choices`, without the index */
export interface AnswerForm<C extends object> {
  readonly head: AnswerHead;
  /** `object` of the whole and of an event. */
  readonly object: string;
  readonly eventObject: string;
  /** The form of one choice; told its chunks in order. */
  choice(index: number): ChoiceForm<C>;
}

/** Events are entries of `choices`, too. */
export interface ChoiceForm<C extends object> {
  /** The first event, when the generation begins.
   *    scores  of the prompt's tokens after the first, if they were wanted */
  begin(scores: readonly TokenScore[] | undefined): object | undefined;
  /** The event of a chunk; undefined: none. */
  add(chunk: GenerationChunk): object | undefined;
  /** The last events. */
  end(result: ServedResult): readonly object[];
  /** The entry of a whole answer, after `end`. */
  whole(result: ServedResult): C;
}

export interface WholeAnswer<C extends object> extends AnswerHead {
  readonly object: string;
  readonly choices: (C & { readonly index: number })[];
  readonly usage: Usage;
}

/** Answers when everything is there. */
export async function answerWhole<C extends object>(
  service: Answering,
  job: ChoicesRequest,
  form: AnswerForm<C>,
): Promise<WholeAnswer<C>> {
  const forms = choiceForms(job, form);
  const choices: (C & { readonly index: number })[] = [];
  const results = await generateChoices(service, job, {
    start: (i, scores) => void forms[i]?.begin(scores),
    chunk: (i, chunk) => forms[i]?.add(chunk),
    end: (index, result) => {
      const choice = forms[index];
      choice?.end(result);
      if (choice) choices[index] = { index, ...choice.whole(result) };
    },
  });
  return {
    ...form.head,
    object: form.object,
    choices,
    usage: usageOf(job.prompts, results),
  };
}

export interface StreamOptions {
  /** Told of faults that the client gets to see as an event. */
  readonly report: (error: unknown) => void;
  /** Whether the last event tells the tokens of all. */
  readonly withUsage: boolean;
}

/** Answers with events as it comes. */
export function answerStream(
  service: Answering,
  job: ChoicesRequest,
  form: AnswerForm<object>,
  reply: FastifyReply,
  { report, withUsage }: StreamOptions,
): Promise<FastifyReply> {
  const head = { ...form.head, object: form.eventObject };
  const usage = withUsage ? { usage: null } : {};
  return sendEvents(reply, report, async (events: EventStream) => {
    const forms = choiceForms(job, form);
    const send = async (index: number, choice: object | undefined) => {
      if (choice) await events.send({ ...head, choices: [{ index, ...choice }], ...usage });
    };
    const results = await generateChoices(service, job, {
      start: (i, scores) => {
        events.open();
        void send(i, forms[i]?.begin(scores));
      },
      chunk: (i, chunk) => send(i, forms[i]?.add(chunk)),
      end: async (i, result) => {
        for (const choice of forms[i]?.end(result) ?? []) await send(i, choice);
      },
    });
    if (!withUsage) return;
    await events.send({ ...head, choices: [], usage: usageOf(job.prompts, results) });
  });
}

function choiceForms<C extends object>(
  { prompts, choices }: ChoicesRequest,
  form: AnswerForm<C>,
): ChoiceForm<C>[] {
  return Array.from({ length: prompts.length * choices }, (_, i) => form.choice(i));
}
