import { describe, expect, it } from "vitest";
import { NotFoundError, UnsupportedError, UsageError } from "../../../src/errors.ts";
import { chooseModel } from "../../../src/hub/choose.ts";

const repo = "org/name";
const CHECKPOINT = [
  "README.md",
  "config.json",
  "tokenizer.json",
  "model.safetensors",
  "pytorch_model.bin",
];
const BONSAI = ["F16", "PQ2_0", "Q2_0", "Q2_0_g64"].map((tag) => `Ternary-Bonsai-8B-${tag}.gguf`);

describe("the model of a repository", () => {
  it.each([
    [
      "I2_S before all others",
      ["a-TQ2_0.gguf", "ggml-model-i2_s.gguf", ...CHECKPOINT],
      "ggml-model-i2_s.gguf",
    ],
    [
      "another ternary format before the checkpoint",
      ["a.TQ1_0.gguf", ...CHECKPOINT],
      "a.TQ1_0.gguf",
    ],
    ["PQ2_0 is no Q2_0", BONSAI, "Ternary-Bonsai-8B-PQ2_0.gguf"],
    ["the plain name", ["b-TQ2_0-extra.gguf", "b-TQ2_0.gguf"], "b-TQ2_0.gguf"],
    ["a file whose name says nothing", ["mmproj-f16.gguf", "bitnet.gguf"], "bitnet.gguf"],
    ["floats for want of better", ["m-F16.gguf", "m-Q4_K_M.gguf"], "m-F16.gguf"],
  ])("%s", (_, paths, file) => {
    expect(chooseModel(paths, { repo })).toEqual({ kind: "gguf", file });
  });

  it.each([
    ["Q2_0_g64", "Ternary-Bonsai-8B-Q2_0_g64.gguf"],
    ["pq2_0", "Ternary-Bonsai-8B-PQ2_0.gguf"],
    ["Ternary-Bonsai-8B-F16.gguf", "Ternary-Bonsai-8B-F16.gguf"],
  ])("%s is what was named", (file, expected) => {
    expect(chooseModel(BONSAI, { repo, file })).toEqual({ kind: "gguf", file: expected });
  });

  it("a name that fits none or several is asked about", () => {
    expect(() => chooseModel(BONSAI, { repo, file: "Q8_0" })).toThrow(NotFoundError);
    expect(() => chooseModel(["a-Q2_0.gguf", "b-Q2_0.gguf"], { repo, file: "Q2_0" })).toThrow(
      UsageError,
    );
  });

  it("a checkpoint is what its loader reads, and no pickle", () => {
    expect(chooseModel(CHECKPOINT, { repo })).toEqual({
      kind: "checkpoint",
      files: ["config.json", "tokenizer.json", "model.safetensors"],
    });
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const paths = [
      "config.json",
      "model.safetensors.index.json",
      "consolidated.safetensors",
      ...shards,
    ];
    expect(chooseModel(paths, { repo })).toEqual({
      kind: "checkpoint",
      files: ["config.json", "model.safetensors.index.json", ...shards],
    });
  });

  it("a wanted format is converted to where no file has it", () => {
    const paths = ["a-i2_s.gguf", ...CHECKPOINT];
    expect(chooseModel(paths, { repo, format: "i2_s" })).toEqual({
      kind: "gguf",
      file: "a-i2_s.gguf",
    });
    expect(chooseModel(paths, { repo, format: "tl2" }).kind).toBe("checkpoint");
    expect(chooseModel(["a-i2_s.gguf"], { repo, format: "tl2" })).toEqual({
      kind: "gguf",
      file: "a-i2_s.gguf",
    });
  });

  it.each([
    [["README.md"]],
    [["config.json", "pytorch_model.bin"]],
    [["m-Q4_K_M.gguf", "m-Q1_0.gguf"]],
    [["m-i2_s-00001-of-00002.gguf", "m-i2_s-00002-of-00002.gguf"]],
  ])("%j holds none", (paths) => {
    expect(() => chooseModel(paths, { repo })).toThrow(UnsupportedError);
  });
});
