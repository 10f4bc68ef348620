import type { Model } from "../engine/model.ts";
import { UsageError } from "../errors.ts";
import {
  DEFAULT_WINDOW,
  idsOf,
  measurePerplexity,
  type Perplexity,
  type ScoredText,
} from "./perplexity.ts";

/** A text that any model of English, the bundled one included, should predict far better than by chance:
 *  plain words, short sentences, names that return. The bundled one knows little beyond such stories:
 *  the generators that it learnt from wrote this one, too. */
export const SAMPLE_TEXT =
  `Long ago there was a shy bear named Pip, who lived at the foot of a mountain. Anna, the gardener, once
lent him a golden clock. "Take good care of it," said the gardener. The next day Pip ran through the room
too fast. Crash! The clock lay on the floor in pieces.

Nobody had seen it. Quickly the bear pushed the pieces between two roots. "What happened to my clock?"
the gardener asked in the evening. "The wind did it," said the bear. "Or perhaps Dash, the fox." So Dash
had to sweep the yard, though he had done nothing wrong. The fox was miserable. That night Pip could not
sleep. He turned from side to side and thought of the fox.

At last he could not bear it any longer. "It was me," he told the gardener. "Dash did nothing." The
gardener was silent for a while. "It was wrong to lie," she said, "but it was brave to tell me." Pip
worked for the gardener until the clock was paid for, and the fox came to help him. From then on, Pip
smiled whenever he passed there.`.replaceAll(/(?<!\n)\n(?!\n)/g, " ");

/** Half of them are scored. */
const FEWEST_TOKENS = 16;

/** Perplexity of a text that may be as short as a page: in windows of the usual size, or in one that
 *  holds all of it.
 *  @throws {UsageError} a text of a few words */
export async function measureSample(
  model: Model,
  text = SAMPLE_TEXT,
  signal?: AbortSignal,
): Promise<Perplexity & ScoredText> {
  const { length } = idsOf(model, text);
  if (length < FEWEST_TOKENS) {
    throw new UsageError(`a text of ${length} tokens is too short to measure`, {
      hint: "give one of a page or more",
    });
  }
  const ctxSize = Math.min(DEFAULT_WINDOW, model.hparams.contextLength, length);
  return measurePerplexity(model, text, { ctxSize, signal });
}
