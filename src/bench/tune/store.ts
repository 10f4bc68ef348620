import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** What was found to be fastest for a model on a CPU. */
export interface Tuning {
  readonly threads: number;
  readonly batchSize: number;
  /** Name of a kernel target. */
  readonly kernel: string;
  /** How many times as fast as the defaults a typical turn is; 1: nothing was found to be faster. */
  readonly gain: number;
  /** ISO 8601. */
  readonly date: string;
}

const SCHEMA = "bitnet-tuned/1";

interface TuningFile {
  readonly schema: typeof SCHEMA;
  /** By CPU, then by shape of the model. */
  readonly tunings: Readonly<Record<string, Readonly<Record<string, Tuning>>>>;
}

const EMPTY: TuningFile = { schema: SCHEMA, tunings: {} };

/** What is remembered; undefined when nothing is, or the file cannot be read or understood. */
export function findTuning(path: string, cpu: string, shape: string): Tuning | undefined {
  const found = readTunings(path).tunings[cpu]?.[shape];
  return found && isTuning(found) ? found : undefined;
}

/** Remembers a tuning, or forgets it. The file is replaced at once or not at all. */
export function storeTuning(
  path: string,
  cpu: string,
  shape: string,
  tuning: Tuning | undefined,
): void {
  const { tunings } = readTunings(path);
  const { [shape]: _old, ...others } = tunings[cpu] ?? {};
  const ofCpu = tuning === undefined ? others : { ...others, [shape]: tuning };
  const file: TuningFile = { schema: SCHEMA, tunings: { ...tunings, [cpu]: ofCpu } };
  mkdirSync(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  writeFileSync(part, `${JSON.stringify(file, null, 2)}\n`);
  renameSync(part, path);
}

function readTunings(path: string): TuningFile {
  try {
    const file = JSON.parse(readFileSync(path, "utf8")) as Partial<TuningFile> | null;
    return file?.schema === SCHEMA && file.tunings ? (file as TuningFile) : EMPTY;
  } catch {
    return EMPTY; // a file that is not there, or that a newer version wrote
  }
}

function isTuning({ threads, batchSize, kernel }: Tuning): boolean {
  const isCount = (value: unknown) => Number.isInteger(value) && Number(value) > 0;
  return isCount(threads) && isCount(batchSize) && typeof kernel === "string";
}
