import type { GenerationChunk } from "../engine/generation.ts";
import { RequestLife } from "./life.ts";
import type { GenerationService, ServedResult, ServiceRequest } from "./service.ts";

export interface ChoicesRequest extends Omit<ServiceRequest, "onStart"> {
  /** Answers to the same prompt. */
  readonly choices: number;
}

export interface ChoiceListener {
  /** Its generation has begun. */
  start?(choice: number): void;
  chunk(choice: number, chunk: GenerationChunk): unknown;
}

/** Generates several answers, each with a seed of its own: with a given seed, the following ones.
 *  What goes wrong with one ends all.
 *  @throws as `GenerationService.generate` */
export async function generateChoices(
  service: Pick<GenerationService, "generate">,
  { choices, ...request }: ChoicesRequest,
  listener: ChoiceListener,
): Promise<readonly ServedResult[]> {
  using life = new RequestLife(request.signal);
  const { seed } = request.options;
  const runs = Array.from({ length: choices }, async (_, i) => {
    const options = seed === undefined ? {} : { seed: BigInt(seed) + BigInt(i) };
    const one = {
      ...request,
      options: { ...request.options, ...options },
      signal: life.signal,
      onStart: () => listener.start?.(i),
    };
    try {
      return await service.generate(one, (chunk) => listener.chunk(i, chunk));
    } catch (error) {
      life.end(error);
      throw error;
    }
  });
  await Promise.allSettled(runs);
  return Promise.all(runs);
}
