import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { optionKeys } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { flagNames, OPTIONS } from "../../src/cli/options.ts";
import { runCli, runShell } from "../support/cli.ts";

const has = (shell: string) => spawnSync(shell, ["-c", "true"]).status === 0;

/** What bash offers for the last of the words. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const list = words.map((word) => `'${word}'`).join(" ");
  const { status, stdout, stderr } = await runShell(
    `eval "$(bitnet completion bash)"; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _bitnet bitnet ${list.split(" ").at(-1)} ${list.split(" ").at(-2)}; printf '%s\\n' "\${COMPREPLY[@]}"`,
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").filter((line) => line !== "");
}

describe("bash", () => {
  it("completes commands, their flags and values", async () => {
    expect(await offered("bitnet", "")).toEqual(
      expect.arrayContaining([...COMMANDS.map(({ name }) => name), "--help"]),
    );
    expect(await offered("bitnet", "comp")).toEqual(["completion"]);
    expect(await offered("bitnet", "run", "--kv-type", "")).toEqual(["f32", "f16", "bf16", "int8"]);
    expect(await offered("bitnet", "run", "--kv-type", "f3")).toEqual(["f32"]);
    expect(await offered("bitnet", "-q", "run", "--repeat-l")).toEqual(["--repeat-last-n"]);
    expect(await offered("bitnet", "run", "-cn")).toEqual(["-cnv"]);
  });

  it("leaves files to the shell", async () => {
    expect(await offered("bitnet", "run", "-m", "--x")).toEqual([]);
    expect(await offered("bitnet", "info", "mod")).toEqual([]);
  });

  it("offers every flag of every command", async () => {
    const { stdout } = await runCli(["completion", "bash"]);
    for (const { name, load } of COMMANDS) {
      const keys = optionKeys(await load());
      const words = new RegExp(`^ {4}${name}\\) words='(.*)' ;;$`, "m")
        .exec(stdout)?.[1]
        ?.split(" ");
      for (const key of keys) expect(words).toContain(flagNames(OPTIONS[key].flags).at(-1));
    }
  });
});

it.each(["zsh", "fish"])(
  "%s: the script is one that it reads, where it is there",
  async (shell) => {
    const { status, stdout } = await runCli(["completion", shell]);
    expect(status).toBe(0);
    for (const { name } of COMMANDS) expect(stdout).toContain(name);
    if (!has(shell)) return;
    const { status: read, stderr } = spawnSync(shell, ["-n"], { input: stdout });
    expect({ read, stderr: stderr.toString() }).toEqual({ read: 0, stderr: "" });
  },
);

it("another shell is refused", async () => {
  expect(await runCli(["completion", "tcsh"])).toEqual({
    status: 2,
    stdout: "",
    stderr: "error: unknown shell: tcsh\nhint: shells: bash, zsh, fish\n",
  });
});
