import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expandFolder } from "./expand.mjs";
import { npyRows, readNpy } from "./npy.ts";

/** Absolute path of a file under test/golden. */
export function goldenPath(relative: string): string {
  return fileURLToPath(new URL(`../golden/${relative}`, import.meta.url));
}

/** Absolute path of a model of test/golden: a GGUF file, or a folder with its weights expanded and with
 *  another of its files as config.json. */
export function goldenModel(relative: string, config = "config.json"): string {
  return expandFolder(goldenPath(relative), config);
}

export function readGoldenJson<T>(relative: string): T {
  return JSON.parse(readFileSync(goldenPath(relative), "utf8")) as T;
}

/** One recorded id sequence with what the double-precision reference made of it. */
export interface GoldenSequence {
  readonly ids: readonly number[];
  /** Logits of every position, or of the last one alone. */
  readonly logits: readonly Float64Array[];
  readonly positions: "all" | "last";
  readonly argmax: readonly number[];
  readonly greedy: readonly number[];
  /** Distance between the two likeliest tokens at each greedy step. */
  readonly greedyMargins: readonly number[];
}

interface Recorded {
  readonly file: string;
  readonly positions: "all" | "last";
  readonly argmax_all: readonly number[];
  readonly greedy24: readonly number[];
  readonly greedy_margins: readonly number[];
}

interface LogitsFile {
  readonly sequences: readonly ({ readonly ids: readonly number[] } & Record<
    "default" | "none" | "q8_0" | "token",
    Recorded
  >)[];
}

/** The recorded sequences of a model of test/golden/logits; of model d under one of its activations. */
export function goldenSequences(
  model: string,
  kind: "default" | "none" | "q8_0" | "token" = "default",
): GoldenSequence[] {
  const file = readGoldenJson<LogitsFile>(`logits/${model}.json`);
  return file.sequences.map(({ ids, [kind]: recorded }) => ({
    ids,
    logits: npyRows(readNpy(goldenPath(recorded.file))),
    positions: recorded.positions,
    argmax: recorded.argmax_all,
    greedy: recorded.greedy24,
    greedyMargins: recorded.greedy_margins,
  }));
}

/** Ids of the bundled text, beginning with BOS. */
export function goldenTextIds(): { bos: number; ids: number[] } {
  return readGoldenJson("ppl/ids.json");
}

/** The recorded vectors of the embedding model. */
export function goldenEmbeddings(): { ids: readonly number[]; embedding: Float64Array }[] {
  const file = readGoldenJson<{
    sequences: { ids: number[]; file: string }[];
  }>("logits/e.json");
  return file.sequences.map(({ ids, file: path }) => ({
    ids,
    embedding: readNpy(goldenPath(path)).values,
  }));
}
