import type { Generation, GenerationChunk } from "../engine/generation.ts";
import type { Session } from "../engine/session.ts";
import { UsageError } from "../errors.ts";
import { scorePrompt, type TokenScore } from "../scoring/prompt.ts";
import { capOutput } from "./guards/length-limits.ts";
import type { Progress } from "./progress.ts";
import type { ServedResult, ServiceOptions, ServiceRequest } from "./service.ts";

export type TakeChunk = (chunk: GenerationChunk) => unknown;

/** What a request is connected to while it has its place. */
export interface RunOptions extends Pick<ServiceOptions, "lengths" | "screen"> {
  readonly progress: Progress;
  readonly onChunk: TakeChunk;
  /** Called once, when the engine is done with the session, however long the client takes to read. */
  readonly free: () => void;
}

/** Scores a prompt, if that is wanted, and goes on from it.
 *  @throws as `GenerationService.generate` */
export async function runRequest(
  session: Session,
  request: ServiceRequest,
  { lengths, screen: open, progress, onChunk, free }: RunOptions,
): Promise<ServedResult> {
  const { prompt, signal, score, onStart } = request;
  const options = {
    ...request.options,
    maxTokens: capOutput(request.options.maxTokens, lengths),
    signal,
  };
  // To score a token is to evaluate those before it.
  const cachedTokens = score === undefined ? session.sharedTokens(prompt) : 0;
  let scores: readonly TokenScore[] | undefined;
  let generation: Generation | undefined;
  try {
    if (prompt.length === 0) throw new UsageError("the prompt is empty");
    if (score) scores = await scorePrompt(session, prompt, { ...score, signal });
    if (options.maxTokens !== 0) generation = session.generate(prompt, options);
  } catch (error) {
    free();
    throw error;
  }
  if (!generation) {
    free();
    onStart?.(scores);
    return { finishReason: "length", generatedTokens: 0, cachedTokens };
  }
  generation.result.then(free, free);
  onStart?.(scores);
  const screen = open?.();
  let taken = 0;
  for await (const chunk of generation) {
    taken += chunk.tokenIds.length;
    progress.tokens(chunk.tokenIds.length, cachedTokens);
    for (const seen of screen?.push(chunk) ?? [chunk]) await onChunk(seen);
    screen?.check();
  }
  for (const seen of screen?.end() ?? []) await onChunk(seen);
  screen?.check();
  const { finishReason, generatedTokens, stopText } = await generation.result;
  // How far the engine went beyond a stop text is chance.
  const counted = stopText === undefined ? generatedTokens : taken;
  return { finishReason, generatedTokens: counted, cachedTokens };
}
