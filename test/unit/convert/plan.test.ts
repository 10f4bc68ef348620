import { describe, expect, test } from "vitest";
import type { Encoding, ModelSource, TensorSource } from "../../../src/checkpoint/source.ts";
import { EMBD_TYPES, OUT_TYPES, type OutType } from "../../../src/convert/out-types.ts";
import { type Job, type PlanOptions, planJobs } from "../../../src/convert/plan.ts";
import { UnsupportedError, UsageError } from "../../../src/errors.ts";
import type { MetadataEntry } from "../../../src/gguf/types.ts";

function tensor(name: string, rows: number, cols: number, encoding: Encoding): TensorSource {
  return { name, rows, cols, encoding, file: 0, offset: 0, bytes: 0 };
}

/** A model of one layer, as far as plans go. */
function model(
  family: string,
  tensors: readonly TensorSource[],
  container: ModelSource["container"] = "gguf",
): ModelSource {
  const metadata = new Map<string, MetadataEntry>([
    ["general.architecture", { type: "string", value: family }],
    [`${family}.attention.head_count`, { type: "uint32", value: 4 }],
    [`${family}.attention.head_count_kv`, { type: "uint32", value: 2 }],
  ]);
  return { container, path: "m", files: [], metadata, tensors, notes: [] };
}

function plan(source: ModelSource, options: PlanOptions): ReadonlyMap<string, Job> {
  return new Map(planJobs(source, options).map((job) => [job.source.name, job]));
}

const EMBEDDING = "token_embd.weight";
const QUERY = "blk.0.attn_q.weight";
const KEY = "blk.0.attn_k.weight";
const NORM = "blk.0.attn_norm.weight";

function bitnet(embedding: Encoding, vocab = 512): ModelSource {
  return model("bitnet-b1.58", [
    tensor(EMBEDDING, vocab, 256, embedding),
    tensor(NORM, 1, 256, "f32"),
    tensor(QUERY, 256, 256, "i2_s"),
  ]);
}

describe("what tensors become", () => {
  test.each(Object.entries(OUT_TYPES))("%s", (outtype, encoding) => {
    const jobs = plan(bitnet("f16"), { outtype: outtype as OutType });
    expect(jobs.get(QUERY)?.target).toBe(encoding);
    expect(jobs.get(NORM)?.target).toBe("f32");
    const kept: Partial<Record<string, Encoding>> = {
      f32: "f32",
      bf16: "bf16",
      safetensors: "f32",
    };
    expect(jobs.get(EMBEDDING)?.target).toBe(kept[outtype] ?? "f16");
  });

  test.each(EMBD_TYPES)("embeddings %s, when asked for", (embdType) => {
    const jobs = plan(bitnet("f16"), { outtype: "i2_s", embdType });
    expect(jobs.get(EMBEDDING)?.target).toBe(embdType);
  });

  test("quantised embeddings stay as they are", () => {
    expect(plan(bitnet("q6_k"), { outtype: "i2_s" }).get(EMBEDDING)?.target).toBe("q6_k");
    // A checkpoint has no such type.
    expect(plan(bitnet("q6_k"), { outtype: "safetensors" }).get(EMBEDDING)?.target).toBe("f32");
  });

  test.each<[Encoding, OutType, Encoding]>([
    ["i2_s", "i2_s", "i2_s"],
    ["i2_s", "tl1", "tl1"],
    ["i2_s", "tl2", "tl2"],
    ["q2_0_g128", "q2_0", "q2_0"],
    ["ptq1_0", "tq2_0", "tq2_0"],
    // Several scales do not fit where there is room for one, and the other way round.
    ["q2_0", "i2_s", "f16"],
    ["i2_s", "q2_0", "f16"],
    ["i2_s", "f32", "f32"],
  ])("ternary embeddings (%s), written with %s: %s", (encoding, outtype, expected) => {
    expect(plan(bitnet(encoding), { outtype }).get(EMBEDDING)?.target).toBe(expected);
  });

  test.each<OutType>(["tl1", "tl2"])("%s: a vocabulary that is no whole tiles", (outtype) => {
    const jobs = plan(bitnet("i2_s", 500), { outtype });
    expect(jobs.get(EMBEDDING)).toMatchObject({ target: "f16" });
    expect(jobs.get(EMBEDDING)).not.toHaveProperty("tile");
    expect(jobs.get(QUERY)?.target).toBe(outtype);
  });

  test("ternary embeddings that are written as numbers", () => {
    const ternaryEmbeddings = new Set([EMBEDDING]);
    const target = (outtype: OutType) =>
      plan(bitnet("f16"), { outtype, ternaryEmbeddings }).get(EMBEDDING)?.target;
    expect(target("q2_0")).toBe("q2_0");
    expect(target("i2_s")).toBe("f16");
  });
});

describe("numbers of checkpoints have one type", () => {
  const packed = { ...tensor(QUERY, 256, 256, "hf_packed"), scale: 0.5 };
  const numbers = [tensor(EMBEDDING, 512, 256, "bf16"), tensor(NORM, 1, 256, "bf16")];
  const types = (tensors: readonly TensorSource[], options: Partial<PlanOptions> = {}) => {
    const source = model("bitnet-b1.58", tensors, "safetensors");
    const jobs = planJobs(source, { outtype: "safetensors", ...options });
    const floats = jobs.filter(({ target }) => target !== "hf_packed");
    return new Set([...floats.map(({ target }) => target), ...jobs.map((job) => job.scaleType)]);
  };

  test("that keeps every one of them", () => {
    expect(types([...numbers, packed])).toEqual(new Set(["bf16"]));
    expect(types([...numbers, { ...packed, scale: Math.fround(1 / 3) }])).toEqual(new Set(["f32"]));
    expect(types([tensor(EMBEDDING, 512, 256, "f16"), packed])).toEqual(new Set(["f32"]));
    const masters = { ...tensor(QUERY, 256, 256, "bf16"), quantise: "absmean" as const };
    expect(types([...numbers, masters])).toEqual(new Set(["f32"]));
    expect(types([tensor(EMBEDDING, 512, 256, "q6_k"), packed])).toEqual(new Set(["f32"]));
  });

  test("or is the one asked for", () => {
    expect(types([...numbers, packed], { embdType: "f16" })).toEqual(new Set(["f16"]));
    expect(() => types([...numbers, packed], { embdType: "q8_0" })).toThrow(UsageError);
    expect(() => types([...numbers, packed], { embdType: "q8_0" })).toThrow(
      "numbers of a checkpoint are f16, bf16, f32, not q8_0",
    );
  });

  test("GGUF files have scales in single precision", () => {
    const source = model("bitnet-b1.58", [...numbers, packed], "safetensors");
    const jobs = planJobs(source, { outtype: "i2_s" });
    expect(new Set(jobs.map(({ scaleType }) => scaleType))).toEqual(new Set(["f32"]));
  });
});

describe("shapes that a type cannot hold", () => {
  test.each<[OutType, number, number, RegExp]>([
    ["tq2_0", 64, 128, /attn_q\.weight \[64, 128\] does not fill tq2_0 blocks of 256/],
    ["q2_0", 64, 96, /does not fill q2_0 blocks of 64/],
    ["i2_s", 2, 36, /does not fill i2_s blocks of 128/],
    ["safetensors", 6, 128, /does not fill hf_packed groups of four rows/],
    ["tl1", 30, 256, /blk\.0\.attn_q\.weight: \[30, 256\] cannot be stored as tl1/],
    ["tl2", 64, 128, /does not fill tl2|cannot be stored as tl2/],
  ])("%s", (outtype, rows, cols, message) => {
    const source = model("bitnet-b1.58", [tensor(QUERY, rows, cols, "f32")]);
    expect(() => planJobs(source, { outtype })).toThrow(UnsupportedError);
    expect(() => planJobs(source, { outtype })).toThrow(message);
  });
});

describe("rows of queries and keys", () => {
  const tensors = [
    { ...tensor(QUERY, 256, 256, "i2_s"), adjacentHeads: 4 },
    { ...tensor(KEY, 128, 256, "i2_s"), adjacentHeads: 2 },
    tensor("blk.0.attn_v.weight", 128, 256, "i2_s"),
  ];
  const packed = tensors.map(({ adjacentHeads: _, ...rest }: TensorSource) => {
    return { ...rest, encoding: "hf_packed" as const };
  });
  const reorders = (source: ModelSource, outtype: OutType) =>
    planJobs(source, { outtype }).map(({ reorder }) => reorder);

  test("change places between checkpoints and GGUF files of the family llama", () => {
    expect(reorders(model("llama", packed, "safetensors"), "i2_s")).toEqual([
      { headDim: 64, to: "adjacent" },
      { headDim: 64, to: "adjacent" },
      undefined,
    ]);
    expect(reorders(model("llama", tensors), "safetensors")).toEqual([
      { headDim: 64, to: "halves" },
      { headDim: 64, to: "halves" },
      undefined,
    ]);
  });

  test("stay where they are otherwise", () => {
    const none = [undefined, undefined, undefined];
    expect(reorders(model("llama", tensors), "i2_s")).toEqual(none);
    expect(reorders(model("llama", packed, "safetensors"), "safetensors")).toEqual(none);
    expect(reorders(model("qwen3", packed, "safetensors"), "i2_s")).toEqual(none);
  });
});

describe("norms of gemma3", () => {
  const own = "blk.0.attn_norm.weight";
  const added = "blk.0.attn_q_norm_in.weight";
  const gguf = [tensor(own, 1, 256, "f32"), tensor(added, 1, 256, "f32")];
  const stored = gguf.map((one) => (one.name === own ? { ...one, plusOne: true as const } : one));
  const addends = (source: ModelSource, outtype: OutType) =>
    planJobs(source, { outtype }).map(({ addend }) => addend);

  test("are stored less 1 in checkpoints, those of BitNet are not", () => {
    expect(addends(model("gemma3", stored, "safetensors"), "i2_s")).toEqual([1, 0]);
    expect(addends(model("gemma3", gguf), "safetensors")).toEqual([-1, 0]);
    expect(addends(model("gemma3", gguf), "i2_s")).toEqual([0, 0]);
    expect(addends(model("gemma3", stored, "safetensors"), "safetensors")).toEqual([0, 0]);
  });
});

test("checkpoints begin with what has the widest elements", () => {
  const source = model("llama", [
    tensor(QUERY, 256, 256, "i2_s"),
    tensor(EMBEDDING, 512, 256, "f16"),
    tensor(NORM, 1, 256, "f32"),
  ]);
  const names = planJobs(source, { outtype: "safetensors" }).map((job) => job.source.name);
  expect(names).toEqual([EMBEDDING, NORM, QUERY]);
});
