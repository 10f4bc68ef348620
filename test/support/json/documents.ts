import {
  batchAnswer,
  batchFailure,
  batchSummary,
  chatDocument,
  chatDone,
  chatToken,
  doneEvent,
  embedDocument,
  embedLine,
  errorFields,
  perplexityDocument,
  runDocument,
  tokenEvent,
} from "./generate.ts";
import {
  convertDocument,
  doctorDocument,
  infoConfig,
  infoDocument,
  infoMetadata,
  infoProbe,
  modelsList,
  modelsPath,
  modelsRemoved,
  modelsShow,
  serveReady,
  setupDocument,
  setupNames,
  setupNative,
} from "./machine.ts";
import { benchDocument, benchLine, tuneDocument, tuneForgotten } from "./measure.ts";
import { object, type Schema } from "./schema.ts";

/** One form of output. */
export interface Document {
  /** The command line that prints it. */
  readonly command: string;
  /** What it is, in a sentence. */
  readonly says: string;
  readonly schema: Schema;
}

/** Every JSON output of every command. The key is a name that the tests use; the first word is the
 *  command. Fields are only ever added. */
export const DOCUMENTS = {
  run: { command: "run --json", says: "One document.", schema: runDocument },
  "run token": {
    command: "run --ndjson",
    says: "A line for each piece of the answer, then the next.",
    schema: tokenEvent,
  },
  "run done": { command: "run --ndjson", says: "The last line.", schema: doneEvent },
  "run answer": {
    command: "run --batch",
    says: "A line for each request that was answered.",
    schema: batchAnswer,
  },
  "run failure": {
    command: "run --batch",
    says: "A line for each request that was not.",
    schema: batchFailure,
  },
  "run summary": {
    command: "run --batch FILE -o FILE --json",
    says: "One document at the end.",
    schema: batchSummary,
  },
  chat: { command: "chat --json", says: "A line for each turn.", schema: chatDocument },
  "chat token": {
    command: "chat --ndjson",
    says: "A line for each piece of an answer.",
    schema: chatToken,
  },
  "chat done": {
    command: "chat --ndjson",
    says: "A line at the end of each turn.",
    schema: chatDone,
  },
  embed: { command: "embed --json", says: "One document, on one line.", schema: embedDocument },
  "embed line": {
    command: "embed --format jsonl",
    says: "A line for each text.",
    schema: embedLine,
  },
  perplexity: { command: "perplexity --json", says: "One document.", schema: perplexityDocument },
  bench: {
    command: "bench --json",
    says: "One document, as `--save` writes it.",
    schema: benchDocument,
  },
  "bench line": {
    command: "bench -o jsonl",
    says: "A line for each test; `-o csv` has the same columns.",
    schema: benchLine,
  },
  tune: { command: "tune --json", says: "One document.", schema: tuneDocument },
  "tune forget": { command: "tune --forget --json", says: "One document.", schema: tuneForgotten },
  setup: { command: "setup MODEL --json", says: "One document.", schema: setupDocument },
  "setup names": {
    command: "setup --json",
    says: "Without a model: the short names.",
    schema: setupNames,
  },
  "setup native": {
    command: "setup --native --json",
    says: "Without a model: the build.",
    schema: setupNative,
  },
  models: { command: "models --json", says: "One document.", schema: modelsList },
  "models show": { command: "models show MODEL --json", says: "One document.", schema: modelsShow },
  "models path": { command: "models path MODEL --json", says: "One document.", schema: modelsPath },
  "models rm": {
    command: "models rm MODEL --force --json",
    says: "One document.",
    schema: modelsRemoved,
  },
  convert: { command: "convert --json", says: "One document.", schema: convertDocument },
  info: { command: "info --json", says: "One document.", schema: infoDocument },
  "info probe": { command: "info MODEL --probe --json", says: "One document.", schema: infoProbe },
  "info metadata": {
    command: "info MODEL --metadata --json",
    says: "One document.",
    schema: infoMetadata,
  },
  "info config": { command: "info --config --json", says: "One document.", schema: infoConfig },
  doctor: { command: "doctor --json", says: "One document.", schema: doctorDocument },
  serve: { command: "serve --json", says: "Once it answers.", schema: serveReady },
  error: {
    command: "any command with --json or --ndjson",
    says: "The last line, when the command fails; standard error says the same in words.",
    schema: object("", { error: object("What went wrong.", errorFields) }),
  },
} as const satisfies Readonly<Record<string, Document>>;

export type DocumentName = keyof typeof DOCUMENTS;
