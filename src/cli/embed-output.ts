import type { Embedding, Pooling } from "../scoring/embedding.ts";
import type { Output } from "../ui/output.ts";

export type EmbedFormat = "json" | "jsonl" | "f32";

/** What is said about all vectors together. */
export interface EmbedFacts {
  readonly model: string;
  readonly dimensions: number;
  readonly pooling: Pooling;
  readonly normalized: boolean;
}

/** How vectors are written to standard output. */
export interface EmbedPrinter {
  add(embedding: Embedding): Promise<void>;
  done(): Promise<void>;
}

export function openEmbedPrinter(
  out: Output,
  format: EmbedFormat,
  facts: EmbedFacts,
): EmbedPrinter {
  if (format === "json") return jsonPrinter(out, facts);
  return format === "jsonl" ? linePrinter(out) : floatPrinter(out);
}

function jsonPrinter(out: Output, facts: EmbedFacts): EmbedPrinter {
  const embeddings: unknown[] = [];
  let promptTokens = 0;
  return {
    add: async (embedding) => {
      embeddings.push(describe(embedding, embeddings.length));
      promptTokens += embedding.tokens;
    },
    // On one line: a vector is not for reading.
    done: () => out.event({ ...facts, embeddings, usage: { promptTokens } }),
  };
}

function linePrinter(out: Output): EmbedPrinter {
  let index = 0;
  return {
    add: async (embedding) => out.event(describe(embedding, index++)),
    done: async () => undefined,
  };
}

function floatPrinter(out: Output): EmbedPrinter {
  return {
    add: ({ vector }) => {
      const bytes = Buffer.alloc(4 * vector.length);
      for (const [i, x] of vector.entries()) bytes.writeFloatLE(x, 4 * i);
      return out.bytes(bytes);
    },
    done: async () => undefined,
  };
}

/** Digits that tell any two f32 numbers apart; a double has as many again that mean nothing. */
const F32_DIGITS = 9;

function describe({ vector, tokens }: Embedding, index: number) {
  const embedding = Array.from(vector, (x) => Number(x.toPrecision(F32_DIGITS)));
  return { index, tokens, embedding };
}
