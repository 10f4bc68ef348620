import type { Conversation } from "../../chat/conversation.ts";
import type { SamplingParams, Speculate } from "../../engine/binding.ts";
import type { Constraint } from "../../engine/constraint.ts";
import type { GenerationChunk } from "../../engine/generation.ts";
import type { Model } from "../../engine/model.ts";
import type { Context } from "../context.ts";
import { describeEnding, type RunSummary, summarizeRun } from "../run-output.ts";
import { givenSeed } from "../sampling.ts";
import { type Answer, answer, type Speaker } from "./answer.ts";
import type { ChatSettings } from "./settings.ts";

/** What stays the same through a chat. */
export interface ChatParts {
  readonly model: Model;
  readonly speaker: Speaker;
  readonly stop: readonly string[];
  readonly speculate: Speculate;
  /** What every answer shall be. */
  readonly constraint: Constraint | undefined;
  readonly logitBias: SamplingParams["logitBias"];
  readonly loadMs: number;
  /** Options that change what the weights are: their layout, adapters. */
  readonly form: string;
}

/** What all answers of a chat took. */
export interface ChatTotals {
  answers: number;
  promptTokens: number;
  generatedTokens: number;
  promptMs: number;
  generateMs: number;
}

/** A conversation with a model under way. */
export class Chat {
  readonly parts: ChatParts;
  readonly settings: ChatSettings;
  readonly totals: ChatTotals = {
    answers: 0,
    promptTokens: 0,
    generatedTokens: 0,
    promptMs: 0,
    generateMs: 0,
  };
  conversation: Conversation;
  /** Figures of the last answer. */
  last: RunSummary | undefined;
  readonly #context: Context;
  #saidLeftOut = false;

  constructor(
    context: Context,
    parts: ChatParts,
    settings: ChatSettings,
    conversation: Conversation,
  ) {
    this.#context = context;
    this.parts = parts;
    this.settings = settings;
    this.conversation = conversation;
  }

  /** Answers `user`; what was said becomes a turn, unless nothing was.
   *  @throws {ResourceError} the question alone does not fit the context window */
  async ask(
    user: string,
    signal: AbortSignal,
    onChunk: (chunk: GenerationChunk) => Promise<void>,
  ): Promise<{ readonly text: string; readonly summary: RunSummary }> {
    const { ui } = this.#context;
    const { speaker, stop, speculate, constraint, logitBias } = this.parts;
    const { nPredict, seed: _first, ...sampling } = this.settings;
    const spinner = ui.wait("reading");
    const result = await answer(speaker, this.conversation, user, {
      maxTokens: nPredict,
      stop,
      speculate,
      constraint,
      signal,
      seed: this.#seed(),
      sampling: { ...sampling, logitBias },
      onPrompt: (done, total) => {
        void spinner.then(({ update }) => update(`reading (${done} of ${total} tokens)`));
      },
      onChunk: async (chunk) => {
        (await spinner).stop();
        await onChunk(chunk);
      },
      onLeftOut: () => this.#sayLeftOut(),
    }).finally(async () => (await spinner).stop());
    const summary = this.#count(result);
    if (summary.complete === false) ui.warn(`the answer is not whole: ${describeEnding(summary)}`);
    if (result.text.trim() !== "" || result.finishReason !== "cancelled") {
      // A stop text cuts the answer somewhere in its tokens.
      const ids = result.stopText === undefined ? result.ids : undefined;
      this.conversation.add({ user, assistant: result.text.trim() }, ids);
    }
    return { text: result.text, summary };
  }

  /** Starts another conversation. */
  replace(conversation: Conversation): void {
    this.conversation = conversation;
    this.#saidLeftOut = false;
  }

  /** Answers after the first have seeds of their own, so that asking again gives another answer. */
  #seed(): bigint | undefined {
    const seed = givenSeed(this.settings.seed);
    return seed === undefined ? undefined : BigInt(seed) + BigInt(this.totals.answers);
  }

  #count(result: Answer): RunSummary {
    const { totals } = this;
    totals.answers++;
    totals.promptTokens += result.promptTokens;
    totals.generatedTokens += result.generatedTokens;
    totals.promptMs += result.promptMs;
    totals.generateMs += result.generateMs;
    const { model, loadMs } = this.parts;
    this.last = summarizeRun(result, { model: model.path, seed: undefined, loadMs });
    return this.last;
  }

  #sayLeftOut(): void {
    if (this.#saidLeftOut) return;
    this.#saidLeftOut = true;
    const { contextLength } = this.parts.speaker.session;
    this.#context.ui.info(
      `note: the context window of ${contextLength} tokens is full: the oldest turns are left out from now on`,
    );
  }
}
