import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cacheDir, hubSettings } from "../../../src/config/hub.ts";
import { tempDir } from "../../support/temp-dir.ts";

describe("the hub, by the variables that other tools read", () => {
  it("is the public one by default", () => {
    const { endpoint, token, offline } = hubSettings({ HF_HOME: tempDir() });
    expect({ endpoint, token, offline }).toEqual({
      endpoint: "https://huggingface.co",
      token: undefined,
      offline: false,
    });
  });

  it("HF_ENDPOINT may end with a slash", () => {
    expect(hubSettings({ HF_ENDPOINT: "http://mirror/hf/" }).endpoint).toBe("http://mirror/hf");
  });

  it.each([
    [{ XDG_CACHE_HOME: "/x" }, "/x/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/x", HF_HOME: "/h" }, "/h/hub"],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/c" }, "/c"],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/c", HF_HUB_CACHE: "/d" }, "/d"],
  ])("%j caches in %s", (env, folder) => {
    expect(hubSettings(env).cacheDir).toBe(folder);
  });

  it("a token of the environment comes before a stored one", () => {
    const home = tempDir();
    writeFileSync(join(home, "token"), "hf_stored\n");
    expect(hubSettings({ HF_HOME: home }).token).toBe("hf_stored");
    expect(hubSettings({ HF_HOME: home, HF_TOKEN: "hf_given" }).token).toBe("hf_given");
    expect(
      hubSettings({ HF_HOME: home, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }).token,
    ).toBeUndefined();
    const other = join(home, "other");
    mkdirSync(other);
    writeFileSync(join(other, "t"), "hf_elsewhere");
    expect(hubSettings({ HF_HOME: home, HF_TOKEN_PATH: join(other, "t") }).token).toBe(
      "hf_elsewhere",
    );
  });

  it.each(["1", "true", "YES", "on"])("HF_HUB_OFFLINE=%s is offline", (value) => {
    expect(hubSettings({ HF_HUB_OFFLINE: value }).offline).toBe(true);
  });

  it.each(["", "0", "false"])("HF_HUB_OFFLINE=%s is not", (value) => {
    expect(hubSettings({ HF_HUB_OFFLINE: value }).offline).toBe(false);
  });
});

it("our own cache is where the system keeps such", () => {
  expect(cacheDir({ XDG_CACHE_HOME: "/x" })).toBe("/x/bitnet");
  expect(cacheDir({ LOCALAPPDATA: "/l" }, "win32")).toBe("/l/bitnet");
  expect(cacheDir({}, "linux")).toMatch(/\.cache\/bitnet$/);
});
