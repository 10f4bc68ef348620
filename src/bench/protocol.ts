import type { MachineLimits } from "../engine/binding.ts";
import type { EnergyWhere } from "./energy/open.ts";
import type { Setup, TestCase } from "./plan.ts";
import type { WorkFacts } from "./work.ts";

/** What a measuring process is told. A kernel target belongs to a process from its start, and a
 *  process of its own has its own memory peak. */
export type WorkerRequest = LimitsRequest | MeasureRequest;

/** What the machine could do at best: apart, so that its memory is not taken for the model's. */
export interface LimitsRequest {
  readonly type: "limits";
  readonly kernel: string;
  readonly threads: number;
  /** Memory to read through. */
  readonly bytes: number;
}

export interface MeasureRequest {
  readonly type: "measure";
  readonly setup: Setup;
  readonly tests: readonly TestCase[];
  /** How often every test and every prompt is measured. */
  readonly rounds: number;
  /** Set where the caller found a meter. */
  readonly energy: EnergyWhere | null;
  readonly prompts: PromptsRequest | null;
}

/** Texts that are answered, greedily. */
export interface PromptsRequest {
  readonly texts: readonly string[];
  readonly maxTokens: number;
}

export interface ModelFacts {
  readonly name: string;
  readonly family: string;
  readonly parameters: number;
  /** Of the file's tensors. */
  readonly fileBytes: number;
  readonly contextLength: number;
  /** The kernel target that ran. */
  readonly kernel: string;
  readonly work: WorkFacts;
}

/** One measurement of one test. */
export interface Sample {
  readonly tokens: number;
  readonly seconds: number;
  /** From the request to the first token; of prompts. */
  readonly firstTokenMs: number | null;
  /** Between tokens as they reach the caller; tokens that come together share their time. */
  readonly intervalsMs: readonly number[];
  /** Of the stretch that `seconds` measures, from the meter. */
  readonly joules: number | null;
}

/** One run of one prompt of a list. */
export interface PromptSample {
  /** Why it failed; null for a success. */
  readonly error: string | null;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly firstTokenMs: number;
  readonly promptMs: number;
  readonly generateMs: number;
}

/** What one process found about a setup. */
export interface MeasuredPass {
  readonly facts: ModelFacts;
  readonly loadMs: number;
  readonly peakRssBytes: number;
  /** By test, then by round. */
  readonly samples: readonly (readonly Sample[])[];
  /** By prompt, then by round. */
  readonly prompts: readonly (readonly PromptSample[])[];
}

/** The answer to each kind of request. */
export interface Answers {
  readonly limits: MachineLimits;
  readonly measure: MeasuredPass;
}

export type Answer = Answers[keyof Answers];

export type WorkerMessage =
  | { readonly type: "step"; readonly label: string }
  | { readonly type: "done"; readonly answer: Answer }
  | {
      readonly type: "error";
      readonly code: string | undefined;
      readonly message: string;
      readonly hint: string | undefined;
    };
