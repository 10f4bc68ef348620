import type { GenerationChunk } from "../engine/generation.ts";
import type { TokenScore } from "../scoring/prompt.ts";
import type { GenerationService, ServedResult, ServiceRequest } from "./service.ts";

/** What of the service answers requests. */
export type Answering = Pick<GenerationService, "generate" | "state" | "lifeOf">;

/** Several answers that are wanted together. */
export interface ChoicesRequest extends Omit<ServiceRequest, "prompt" | "onStart"> {
  readonly prompts: readonly Int32Array[];
  /** Answers to each prompt. */
  readonly choices: number;
}

export interface ChoiceListener {
  /** Its generation has begun.
   *    scores  of the prompt's tokens after the first, if they were wanted */
  start(choice: number, scores: readonly TokenScore[] | undefined): void;
  chunk(choice: number, chunk: GenerationChunk): unknown;
  end?(choice: number, result: ServedResult): unknown;
}

/** Generates several answers, those to the first prompt first. Those to one prompt have seeds of their
 *  own: with a given seed, it and the following ones. No more of them ask for a place at once than there
 *  are places. What goes wrong with one ends all.
 *  @throws as `GenerationService.generate` */
export async function generateChoices(
  service: Answering,
  { prompts, choices, ...request }: ChoicesRequest,
  listener: ChoiceListener,
): Promise<readonly ServedResult[]> {
  using life = service.lifeOf(request.signal); // all of them together are one request
  const count = prompts.length * choices;
  const results: ServedResult[] = [];
  let next = 0;
  const generateOne = async (i: number) => {
    const { seed } = request.options;
    const own = seed === undefined ? {} : { seed: BigInt(seed) + BigInt(i % choices) };
    const prompt = prompts[Math.floor(i / choices)] ?? new Int32Array();
    const options = { ...request.options, ...own };
    const onStart = (scores?: readonly TokenScore[]) => listener.start(i, scores);
    const one = { ...request, prompt, options, signal: life.signal, onStart };
    const result = await service.generate(one, (chunk) => listener.chunk(i, chunk));
    results[i] = result;
    await listener.end?.(i, result);
  };
  const work = async () => {
    try {
      while (next < count) await generateOne(next++);
    } catch (error) {
      life.end(error);
      throw error;
    }
  };
  const workers = Array.from({ length: Math.min(count, service.state().places) }, work);
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return results;
}
