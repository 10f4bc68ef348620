import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SETTINGS } from "../../../src/cli/settings.ts";
import { loadSettings } from "../../../src/config/load.ts";
import { hubCacheDir, userConfigFile } from "../../../src/config/paths.ts";
import { ConfigError, UsageError } from "../../../src/errors.ts";

let root: string;
let project: string;
let user: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "bitnet-config-"));
  project = join(root, "project");
  user = join(root, "xdg", "bitnet");
  await mkdir(join(project, "deep", "er"), { recursive: true });
  await mkdir(user, { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

const load = (env: Record<string, string> = {}, cwd = project) =>
  loadSettings(SETTINGS, { env: { XDG_CONFIG_HOME: join(root, "xdg"), ...env }, cwd });
const writeProject = (text: string) => writeFile(join(project, "bitnet.config.json"), text);
const writeUser = (text: string) => writeFile(join(user, "config.json"), text);

describe("precedence", () => {
  it("is empty without files and variables", async () => {
    expect([...(await load())]).toEqual([]);
  });

  it("is environment > project > user, with the origin of each", async () => {
    await writeUser('{"threads": 1,\n "topK": 1,\n "topP": 0.1}');
    await writeProject('{\n  "threads": 2,\n  "topK": 2\n}');
    const settings = await load({ BITNET_THREADS: "3" });
    expect(Object.fromEntries(settings)).toEqual({
      threads: { value: 3, source: "env", origin: "BITNET_THREADS" },
      topK: { value: 2, source: "config", origin: "bitnet.config.json:3" },
      topP: { value: 0.1, source: "config", origin: `${join(user, "config.json")}:3` },
    });
  });

  it("takes the nearest project file above the working directory", async () => {
    await writeProject('{"threads": 2}');
    const settings = await load({}, join(project, "deep", "er"));
    expect(settings.get("threads")?.origin).toBe(`${join(project, "bitnet.config.json")}:1`);
  });

  it("counts an empty variable as not set", async () => {
    expect((await load({ BITNET_THREADS: "" })).size).toBe(0);
  });
});

describe("values", () => {
  it("has the types of the options", async () => {
    await writeProject(
      '{"$schema": "x", "mmap": true, "stop": ["a", "b"], "temperature": 0, "kvType": "f32"}',
    );
    const values = [...(await load())].map(([key, { value }]) => [key, value]);
    expect(Object.fromEntries(values)).toEqual({
      mmap: true,
      stop: ["a", "b"],
      temperature: 0,
      kvType: "f32",
    });
  });

  it("reads a relative path from the file's own folder", async () => {
    await writeProject('{"model": "./m.gguf"}');
    const settings = await load({}, join(project, "deep"));
    expect(settings.get("model")?.value).toBe(join(project, "m.gguf"));
  });

  it("takes flags and lists from the environment", async () => {
    const settings = await load({ BITNET_MMAP: "1", BITNET_STOP: "END" });
    expect(settings.get("mmap")?.value).toBe(true);
    expect(settings.get("stop")?.value).toEqual(["END"]);
  });
});

describe("errors name the place", () => {
  const failure = async (text: string) => {
    await writeProject(text);
    return load().then(
      () => expect.unreachable(),
      (error: ConfigError) => {
        expect(error).toBeInstanceOf(ConfigError);
        return [error.message, error.hint];
      },
    );
  };

  it("unknown key, with the nearest", async () => {
    expect(await failure('{\n  "thread": 4\n}')).toEqual([
      'bitnet.config.json:2: unknown key "thread"',
      'did you mean "threads"?',
    ]);
  });

  it("unknown key, with all keys", async () => {
    const [message, hint] = await failure('{"zzzzzz": 4}');
    expect(message).toBe('bitnet.config.json:1: unknown key "zzzzzz"');
    expect(hint).toMatch(/^known keys: model, ctxSize, /);
  });

  it.each([
    ['{"threads": 0}', '"threads" expects a whole number from 1 to 1024, got 0'],
    ['{"threads": true}', '"threads" expects a whole number from 1 to 1024, got true'],
    ['{"threads": null}', '"threads" expects a whole number from 1 to 1024, got null'],
    ['{"mmap": "yes"}', '"mmap" expects true or false, got "yes"'],
    ['{"stop": "x"}', '"stop" expects a list, each a text that is not empty, got "x"'],
    ['{"stop": [[]]}', '"stop" expects a text that is not empty, got [[]]'],
    ['{"kvType": "f8"}', '"kvType" expects one of f32, f16, bf16, int8, got "f8"'],
  ])("%s", async (text, message) => {
    expect((await failure(text))[0]).toBe(`bitnet.config.json:1: ${message}`);
  });

  it("not JSON", async () => {
    const [message, hint] = await failure('{\n  "threads": 4,\n}');
    expect(message).toBe("bitnet.config.json:3: not JSON");
    expect(hint).toMatch(/JSON/);
    expect((await failure('{\n  "threads":\n'))[0]).toMatch(/bitnet\.config\.json:\d: not JSON/);
  });

  it.each(["[]", "null", '"x"', "4"])("%s is no object", async (text) => {
    expect((await failure(text))[0]).toMatch(/:1: expected an object of settings, got /);
  });

  it("a directory in place of the file", async () => {
    await mkdir(join(project, "bitnet.config.json"));
    await expect(load()).rejects.toThrow(/cannot be read: EISDIR/);
  });

  it("a variable", async () => {
    const loading = load({ BITNET_THREADS: "0" });
    await expect(loading).rejects.toThrow(
      'BITNET_THREADS expects a whole number from 1 to 1024, got "0"',
    );
    await expect(loading).rejects.toBeInstanceOf(UsageError);
  });
});

describe("paths", () => {
  it("follows XDG and HF_HOME", () => {
    expect(userConfigFile({ XDG_CONFIG_HOME: "/x" })).toBe("/x/bitnet/config.json");
    expect(userConfigFile({})).toMatch(/\.config\/bitnet\/config\.json$/);
    expect(userConfigFile({ APPDATA: "C:" }, "win32")).toMatch(/^C:.bitnet.config\.json$/);
    expect(hubCacheDir({ HF_HUB_CACHE: "/c", HF_HOME: "/h" })).toBe("/c");
    expect(hubCacheDir({ HF_HOME: "/h", XDG_CACHE_HOME: "/x" })).toBe("/h/hub");
    expect(hubCacheDir({ XDG_CACHE_HOME: "/x" })).toBe("/x/huggingface/hub");
  });
});
