import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";

const MODEL = goldenPath("gguf/a.i2_s.gguf");

describe("bitnet info", () => {
  it("shows the machine, and which kernel target is used and why", async () => {
    const { status, stdout, stderr } = await runCli(["info"]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^no model named: using the bundled demonstration model.*2B4T.*\n$/);
    expect(stdout).toMatch(/^System\n {2}platform +\S+, Node v/);
    expect(stdout).toMatch(/\nKernel targets\n( {2}.*\n)*? {2}\w+ +active: /);
    expect(stdout).toMatch(/\n {2}scalar +(runs here|active)/);
    expect(stdout).toMatch(/\nModel .*demo-i2_s\.gguf\n/);
  });

  it("--json has the same", async () => {
    const { stdout } = await runCli(["info", "--json"]);
    const { system } = JSON.parse(stdout);
    expect(Object.keys(system)).toEqual(["platform", "node", "cpu", "kernels", "memory"]);
    expect(Object.keys(system.kernels)).toEqual(["active", "reason", "targets", "compactWeights"]);
    const active = system.kernels.targets.find(
      ({ name }: { name: string }) => name === system.kernels.active,
    );
    expect(active).toEqual({ name: system.kernels.active, runnable: true, missing: [] });
    expect(system.memory.availableBytes).toBeLessThanOrEqual(system.memory.totalBytes);
  });

  it("follows BITNET_KERNEL and refuses one that is not there", async () => {
    const scalar = await runCli(["info", "--json"], { env: { BITNET_KERNEL: "scalar" } });
    expect(JSON.parse(scalar.stdout).system.kernels.active).toBe("scalar");
    const wrong = await runCli(["info"], { env: { BITNET_KERNEL: "mmx" } });
    expect(wrong.status).toBe(5);
    expect(wrong.stderr).toMatch(/^error: unknown kernel target "mmx" in BITNET_KERNEL\nhint: /m);
  });
});

describe("bitnet info model", () => {
  it("shows header and memory plan", async () => {
    const { status, stdout } = await runCli(["info", MODEL, "-c", "256", "--kv-type", "f32"]);
    expect(status).toBe(0);
    expect(
      stdout.replace(MODEL, "MODEL").replace(/fits in .*/, "fits in N"),
    ).toMatchInlineSnapshot(`
      "Model MODEL
        name           tiny-a
        family         bitnet-b1.58
        parameters     1.12 M
        context        512
        layers         2
        d_model        256
        d_ff           384
        heads          4
        KV heads       2
        tokenizer      gpt2 (llama-bpe), 512 tokens
        chat template  yes
      Tensors
        type  tensors  parameters      size
        f16         1       131 k   256 KiB
        i2_s       14       983 k   240 KiB
        f32         9        2560  10.0 KiB
      Memory for 256 tokens, KV cache in f32
        weights      2.00 MiB, ternary ones in 2 bits
        KV cache     512 KiB
        activations  about 6.00 MiB
        total        8.50 MiB: fits in N
      "
    `);
  });

  it("takes the model with -m, too, and not from the environment", async () => {
    const { model } = JSON.parse((await runCli(["info", "-m", MODEL, "--json"])).stdout);
    expect(model.path).toBe(MODEL);
    const { stdout } = await runCli(["info"], { env: { BITNET_MODEL: MODEL } });
    expect(stdout).toMatch(/^System/);
  });

  it("--json has model and plan", async () => {
    const { model, plan } = JSON.parse((await runCli(["info", MODEL, "--json"])).stdout);
    expect(model).toMatchObject({
      path: MODEL,
      container: "gguf",
      name: "tiny-a",
      family: "bitnet-b1.58",
      shape: { contextLength: 512, nLayers: 2, dModel: 256 },
      chatTemplate: true,
    });
    expect(plan.totalBytes).toBe(plan.weightBytes + plan.kvCacheBytes + plan.activationBytes);
    // 512 positions x 2 layers x (K and V) x 2 heads x 64 x 2 bytes
    expect(plan).toMatchObject({ contextLength: 512, kvType: "f16", kvCacheBytes: 524_288 });
  });

  it("plans for compact weights where the kernels have them", async () => {
    const args = ["info", MODEL, "--weights", "compact"];
    const { system, plan } = JSON.parse((await runCli([...args, "--json"])).stdout);
    expect(plan.weights).toBe(system.kernels.compactWeights ? "compact" : "fast");
    const { stdout } = await runCli(args, { env: { BITNET_KERNEL: "scalar" } });
    expect(stdout).toContain("ternary ones in 2 bits");
  });

  it("opens a checkpoint folder, too", async () => {
    const { model } = JSON.parse(
      (await runCli(["info", goldenPath("models/a-packed"), "--json"])).stdout,
    );
    expect(model).toMatchObject({ container: "safetensors", family: "bitnet-b1.58" });
  });

  it("--metadata prints every key", async () => {
    const { stdout } = await runCli(["info", MODEL, "--metadata"]);
    expect(stdout).toMatch(/^general\.architecture +string +"bitnet-b1\.58"\n/);
    expect(stdout).toMatch(/attention\.layer_norm_rms_epsilon +float32 +0\.00001\n/);
    expect(stdout).toMatch(/tokenizer\.ggml\.tokens +array +\["!", .* \(512 in all\)\]\n/);
    const { metadata } = JSON.parse((await runCli(["info", MODEL, "--metadata", "--json"])).stdout);
    expect(metadata["tokenizer.ggml.tokens"]).toHaveLength(512);
    expect(Object.keys(metadata)).toHaveLength(stdout.trimEnd().split("\n").length);
  });
});

it("info --config prints value and origin of every setting", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bitnet-info-"));
  await writeFile(join(folder, "bitnet.config.json"), '{\n  "topK": 7\n}\n');
  const options = { cwd: folder, env: { BITNET_THREADS: "3" } };
  const { stdout } = await runCli(["info", "--config"], options);
  const document = await runCli(["info", "--config", "--json"], options);
  await rm(folder, { recursive: true });
  expect(stdout).toMatch(/^threads +3 +BITNET_THREADS$/m);
  expect(stdout).toMatch(/^topK +7 +bitnet\.config\.json:2$/m);
  expect(stdout).toMatch(/^temperature +0\.8 +default$/m);
  expect(stdout).toMatch(/^seed +random +default$/m);
  const { settings } = JSON.parse(document.stdout);
  expect(settings).toContainEqual({ key: "topK", value: 7, origin: "bitnet.config.json:2" });
});
