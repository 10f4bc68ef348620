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
 *  plain words, short sentences, names that return. */
export const SAMPLE_TEXT =
  `Once upon a time, in a small village, there lived a quiet boy named Leo. His
best friend was an old brown dog. Every morning the dog sat by the door and waited. "He wants to go out,"
said Leo. One day the boy found a tiny seed in the forest. "What will it be?" he asked. Leo planted the
seed in a pot by the window and watered it every morning. The next day he looked, but there was nothing.
The day after there was nothing either.

A little girl named Mia laughed. "That is only a stone," said Mia. "You are wasting your time." But the
boy went on. When it was cold, he covered the pot with his scarf. Then one morning the dog was gone. Leo
and Mia looked for him all day. They looked under the bridge and behind the big stone. Nobody had seen
the dog. Leo was sad, and he began to cry. "Do not be afraid," said Mia. "We will find him."

In the evening they heard a sound. It came from a boat on the river, and in the boat was the dog. "There
you are!" said Leo, and he laughed. They all went home together. And in the pot by the window there was
a small green leaf.`.replaceAll(/(?<!\n)\n(?!\n)/g, " ");

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
