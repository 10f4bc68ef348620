import type { Encoding } from "../../src/checkpoint/source.ts";
import type { EmbdType, OutType } from "../../src/convert/out-types.ts";
import type { MakeModelOptions } from "./make-model.ts";

// What is supported, as data: the tests named here walk through these rows, and nothing else decides what
// a table of supported formats and families says.

/** The scales of a model's ternary matrices, from the fewest bits to the most numbers: one bf16 number
 *  each, one f32 number each, one f16 number for every row, one for every 128 weights. */
export type Scales = "one-bf16" | "one-f32" | "rows-f16" | "groups-f16";

/** Who else made or checked what the tests compare with. */
export type Witness =
  | "files" // another program's files or logits
  | "bytes" // another program's packing functions
  | "description"; // nobody: written from the description of the format

export interface FormatRow {
  /** As users know it. */
  readonly format: string;
  readonly container: "GGUF" | "safetensors";
  /** What it holds of a model. */
  readonly holds: "projections" | "embeddings" | "both";
  readonly encodings: readonly Encoding[];
  /** Loads, runs, and converts into other formats. Tests: `provedBy`. */
  readonly reads: boolean;
  /** `--outtype` or `--embd-type` that writes it; undefined where nothing does. */
  readonly writes?: OutType | EmbdType;
  /** Scales that it keeps to the last bit; others are rounded or merged, with --allow-lossy only. */
  readonly keeps: readonly Scales[];
  readonly witness: Witness;
  /** Test files, from the root of the repository. */
  readonly provedBy: readonly string[];
}

const EVERY: readonly Scales[] = ["one-bf16", "one-f32", "rows-f16", "groups-f16"];
const ONE: readonly Scales[] = ["one-bf16", "one-f32"];
const ROWS: readonly Scales[] = ["one-bf16", "rows-f16"];
const GROUPS: readonly Scales[] = ["one-bf16", "rows-f16", "groups-f16"];

const FAMILIES_TEST = "test/integration/families.test.ts";
const READING_TEST = "test/integration/format-reading.test.ts";
const GOLDEN_TEST = "test/integration/golden-weights.test.ts";
const EMBEDDINGS_TEST = "test/integration/embedding-types.test.ts";

type Row = Pick<FormatRow, "format" | "encodings" | "keeps" | "witness"> &
  Partial<Pick<FormatRow, "writes" | "provedBy" | "holds" | "container">>;

function row(one: Row): FormatRow {
  return {
    container: "GGUF",
    holds: "projections",
    reads: true,
    provedBy: [FAMILIES_TEST],
    ...one,
  };
}

export const FORMATS: readonly FormatRow[] = [
  row({
    format: "I2_S, groups of 128",
    encodings: ["i2_s"],
    writes: "i2_s",
    keeps: ONE,
    witness: "files",
    provedBy: [FAMILIES_TEST, GOLDEN_TEST],
  }),
  ...(
    [
      ["I2_S, groups of 64 (ARM)", "i2_s_group64"],
      ["I2_S, four rows", "i2_s_row4"],
      ["I2_S, in sequence", "i2_s_seq_hi"],
      ["I2_S, in sequence, low bits first", "i2_s_seq_lo"],
    ] as const
  ).map(([format, encoding]) =>
    row({
      format,
      encodings: [encoding],
      keeps: ONE,
      witness: "description",
      provedBy: [FAMILIES_TEST, READING_TEST],
    }),
  ),
  ...(["tl1", "tl2"] as const).map((encoding) =>
    row({
      format: encoding.toUpperCase(),
      encodings: [encoding],
      writes: encoding,
      keeps: ONE,
      witness: "bytes",
      provedBy: [FAMILIES_TEST, READING_TEST, GOLDEN_TEST],
    }),
  ),
  ...(["tq1_0", "tq2_0"] as const).map((encoding) =>
    row({
      format: encoding.toUpperCase(),
      encodings: [encoding],
      writes: encoding,
      keeps: ROWS,
      witness: "files",
      provedBy: [FAMILIES_TEST, GOLDEN_TEST],
    }),
  ),
  row({
    format: "Q2_0",
    encodings: ["q2_0"],
    writes: "q2_0",
    keeps: GROUPS,
    witness: "description",
    provedBy: [FAMILIES_TEST, READING_TEST, GOLDEN_TEST],
  }),
  row({
    format: "PQ2_0, Q2_0 in groups of 128",
    encodings: ["q2_0_g128", "q2_0_g128_d_last"],
    keeps: GROUPS,
    witness: "description",
    provedBy: [FAMILIES_TEST, READING_TEST, GOLDEN_TEST],
  }),
  row({
    format: "PTQ1_0",
    encodings: ["ptq1_0"],
    keeps: GROUPS,
    witness: "description",
    provedBy: [FAMILIES_TEST, READING_TEST, GOLDEN_TEST],
  }),
  row({
    format: "IQ2_BN",
    encodings: ["iq2_bn"],
    keeps: [...ONE, "rows-f16"],
    witness: "description",
  }),
  row({ format: "IQ1_BN", encodings: ["iq1_bn"], keeps: ROWS, witness: "description" }),
  row({
    format: "F32",
    holds: "both",
    encodings: ["f32"],
    writes: "f32",
    keeps: EVERY,
    witness: "files",
    provedBy: [FAMILIES_TEST, EMBEDDINGS_TEST],
  }),
  row({
    format: "F16",
    holds: "both",
    encodings: ["f16"],
    writes: "f16",
    keeps: GROUPS,
    witness: "files",
    provedBy: [FAMILIES_TEST, EMBEDDINGS_TEST],
  }),
  row({
    format: "BF16",
    holds: "both",
    encodings: ["bf16"],
    writes: "bf16",
    keeps: ["one-bf16"],
    witness: "files",
    provedBy: [FAMILIES_TEST, EMBEDDINGS_TEST],
  }),
  ...(["q8_0", "q6_k", "q4_0"] as const).map((encoding) =>
    row({
      format: encoding.toUpperCase(),
      holds: "embeddings",
      encodings: [encoding],
      writes: encoding,
      keeps: [],
      witness: "bytes",
      provedBy: [EMBEDDINGS_TEST],
    }),
  ),
  ...(["q4_k", "q5_0"] as const).map((encoding) =>
    row({
      format: encoding.toUpperCase(),
      holds: "embeddings",
      encodings: [encoding],
      keeps: [],
      witness: "bytes",
      provedBy: [EMBEDDINGS_TEST],
    }),
  ),
  row({
    format: "packed, scales that multiply (Microsoft)",
    container: "safetensors",
    encodings: ["hf_packed"],
    writes: "safetensors",
    keeps: ONE,
    witness: "files",
    provedBy: [FAMILIES_TEST, GOLDEN_TEST, "test/integration/safetensors-writer.test.ts"],
  }),
  row({
    format: "packed, scales that divide (HF1BitLLM, Falcon)",
    container: "safetensors",
    encodings: ["hf_packed"],
    keeps: ONE,
    witness: "files",
    provedBy: [FAMILIES_TEST, GOLDEN_TEST],
  }),
  row({
    format: "master weights (bf16, f16, f32)",
    container: "safetensors",
    encodings: ["bf16", "f16", "f32"],
    keeps: ["one-f32"],
    witness: "files",
    provedBy: [FAMILIES_TEST, GOLDEN_TEST],
  }),
  row({
    format: "ternary weights as numbers",
    container: "safetensors",
    encodings: ["bf16", "f16", "f32"],
    keeps: GROUPS,
    witness: "files",
    provedBy: [FAMILIES_TEST, GOLDEN_TEST],
  }),
];

export interface FamilyRow {
  /** Unique, for titles. */
  readonly name: string;
  /** `general.architecture`. */
  readonly family: string;
  /** Published models of this kind. */
  readonly models: string;
  readonly make: Omit<MakeModelOptions, "output">;
  readonly scales: Scales;
  /** Gives vectors of texts rather than the next token. */
  readonly embeds?: true;
  readonly witness: Witness;
  readonly provedBy: readonly string[];
}

const WITNESSES_TEST = "test/integration/witnesses.test.ts";
const GOLDEN_MODELS_TEST = "test/integration/golden-models.test.ts";

export const FAMILIES: readonly FamilyRow[] = [
  {
    name: "bitnet-b1.58, packed",
    family: "bitnet-b1.58",
    models: "BitNet b1.58 2B4T",
    make: { family: "bitnet-b1.58", format: "packed" },
    scales: "one-bf16",
    witness: "files",
    provedBy: [FAMILIES_TEST, WITNESSES_TEST, "test/integration/golden.test.ts"],
  },
  {
    name: "bitnet, masters",
    family: "bitnet",
    models: "1bitLLM bitnet_b1_58-large, -3B",
    make: { family: "bitnet", format: "masters" },
    scales: "one-f32",
    witness: "files",
    provedBy: [FAMILIES_TEST, GOLDEN_MODELS_TEST],
  },
  {
    name: "llama, packed",
    family: "llama",
    models: "Llama3-8B-1.58, Falcon3-1.58bit, Falcon-E",
    make: { family: "llama", format: "packed" },
    scales: "one-f32",
    witness: "files",
    provedBy: [FAMILIES_TEST, WITNESSES_TEST, GOLDEN_MODELS_TEST],
  },
  {
    name: "llama, several scales",
    family: "llama",
    models: "TriLM",
    make: { family: "llama", format: "unpacked", group: 0 },
    scales: "rows-f16",
    witness: "files",
    provedBy: [FAMILIES_TEST, WITNESSES_TEST],
  },
  {
    name: "qwen3, scales for groups",
    family: "qwen3",
    models: "Ternary-Bonsai 1.7B, 4B, 8B",
    make: { family: "qwen3", format: "unpacked" },
    scales: "groups-f16",
    witness: "files",
    provedBy: [FAMILIES_TEST, WITNESSES_TEST, GOLDEN_MODELS_TEST],
  },
  {
    name: "qwen3, scales for groups, YaRN",
    family: "qwen3",
    models: "Ternary-Bonsai with YaRN",
    make: { family: "qwen3", format: "unpacked", shape: { yarnFactor: 4 } },
    scales: "groups-f16",
    witness: "files",
    provedBy: [FAMILIES_TEST, WITNESSES_TEST, GOLDEN_MODELS_TEST],
  },
  {
    name: "qwen3, norms in front of projections",
    family: "qwen3",
    models: "BitNet-embedding 0.6B",
    make: { family: "qwen3", format: "masters" },
    scales: "one-f32",
    embeds: true,
    witness: "files",
    provedBy: [FAMILIES_TEST, WITNESSES_TEST, GOLDEN_MODELS_TEST],
  },
  {
    name: "gemma3, norms in front of projections",
    family: "gemma3",
    models: "BitNet-embedding 270M",
    make: { family: "gemma3", format: "masters" },
    scales: "one-f32",
    embeds: true,
    witness: "files",
    provedBy: [FAMILIES_TEST, WITNESSES_TEST, "test/integration/gemma3-golden.test.ts"],
  },
];

/** What becomes of a family's projections in a format. */
export type Outcome = "exact" | "lossy" | "not written";

export function outcomeOf({ scales }: FamilyRow, format: FormatRow): Outcome {
  if (format.writes === undefined) return "not written";
  return format.keeps.includes(scales) ? "exact" : "lossy";
}
