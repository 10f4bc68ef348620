import { join, resolve } from "node:path";
import { openModelSource } from "../../checkpoint/open.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { SHORT_NAMES } from "../../hub/names.ts";
import { parseRepoRef, type RepoRef } from "../../hub/resolve.ts";
import type { NativeResult } from "../../native/build.ts";
import { checkKernels, type SelfCheck } from "../../native/self-check.ts";
import { formatTable } from "../../ui/table.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { convertedDir, findReady, recordReady } from "../models/ready.ts";
import type { OptionValues } from "../options.ts";
import { type Fetched, fetchModel, isPath } from "../setup/fetch.ts";
import { SetupLog } from "../setup/log.ts";
import { setUpNative } from "../setup/native.ts";
import { type Prepared, prepareModel } from "../setup/prepare.ts";
import { describeReady, runCommand, warnOfMemory } from "../setup/summary.ts";
import { tuneOnce } from "../setup/tune.ts";

const OPTIONS = [
  "hfRepo",
  "modelDir",
  "quantType",
  "quantEmbd",
  "usePretuned",
  "tune",
  "logDir",
  "native",
  "json",
] as const;
type Options = OptionValues<(typeof OPTIONS)[number]>;

export const setup = defineCommand({
  description:
    "Makes a model ready: finds it on the hub, downloads it into the Hugging Face cache (checked, " +
    "going on where an earlier run stopped), converts it if no file of it runs as it is, checks the " +
    "kernels on this CPU, tunes it briefly, and prints the command that runs it. HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, " +
    "HF_TOKEN and HF_HUB_OFFLINE are heeded. Without a model it lists the short names.",
  argument: {
    syntax: "[model]",
    help: "short name, ORG/NAME[:FILE][@REVISION], or a directory",
    choices: SHORT_NAMES.map(({ name }) => name),
  },
  options: OPTIONS,
  examples: [
    { command: "bitnet setup 2b4t", says: "BitNet b1.58 2B4T, ready to run" },
    { command: "bitnet setup bonsai-8b:PQ2_0", says: "this file of several" },
    { command: "bitnet setup org/name@v1.0 --quant-embd", says: "a revision, smaller embeddings" },
    { command: "bitnet setup ./checkpoint", says: "convert what is here already" },
    { command: "bitnet setup --native", says: "compile the kernels for this CPU" },
    { command: "bitnet setup -hr org/name -md models -q i2_s", says: "as with bitnet.cpp" },
  ],
  async run(context, options, argument) {
    const name = chooseName(options, argument);
    const log = new SetupLog(options.logDir);
    const native = options.native ? await setUpNative(context, log) : undefined;
    if (name === undefined)
      return native ? showNative(context, native, options.json) : listNames(context, options.json);
    const { ref, fetched, prepared } = await log.step("setup", () =>
      bring(context, name, options, log),
    );
    const source = await openModelSource(prepared.path);
    const model = await describeReady(source);
    warnOfMemory(context, source);
    const kernels = await log.step("check", () => check(context, log));
    if (options.tune && !options.usePretuned) {
      await log.step("tune", () => tuneOnce(context, source, log));
    }
    const found = ref && (await findReady(ref, process.env));
    const short = found === resolve(prepared.path) ? ref?.given : undefined;
    const command = runCommand(short ?? prepared.path, model);
    if (options.json) {
      const { repo = null, commit = null, fetchedBytes = 0 } = fetched ?? {};
      const origin = { repo, commit, fetchedBytes, converted: prepared.converted };
      return context.out.json({ model: { ...model, ...origin }, kernels, native, command });
    }
    await context.out.line(command);
  },
});

/** The argument, `--hf-repo` or, without a repository, `--model-dir`. */
function chooseName(
  { hfRepo, modelDir }: Options,
  argument: string | undefined,
): string | undefined {
  if (argument !== undefined && hfRepo !== undefined) {
    throw new UsageError("an argument and --hf-repo exclude one another", {
      hint: "give one of them",
    });
  }
  return argument ?? hfRepo ?? modelDir;
}

async function listNames({ out }: Context, json: boolean): Promise<void> {
  if (json) return out.json({ names: SHORT_NAMES });
  const rows = SHORT_NAMES.map(({ name, repo, about }) => [name, repo, about]);
  for (const line of formatTable(rows, { indent: 0 })) await out.line(line);
}

async function showNative({ out }: Context, native: NativeResult, json: boolean): Promise<void> {
  if (json) return out.json({ native });
  await out.line(native.kept ? "kept" : "not kept");
}

interface Brought {
  readonly ref?: RepoRef;
  readonly fetched?: Fetched;
  readonly prepared: Prepared;
}

async function bring(
  context: Context,
  name: string,
  options: Options,
  log: SetupLog,
): Promise<Brought> {
  const { quantType: format, quantEmbd, modelDir } = options;
  if (await isPath(name)) {
    const folder = modelDir ?? name;
    const target = { format, quantEmbd, folder, keepThere: false };
    return { prepared: await prepareModel(context, name, target, log) };
  }
  const ref = parseRepoRef(name);
  if (ref === undefined) {
    throw new NotFoundError(`no such directory, and no name of a model: ${name}`, {
      hint: "names are ORG/NAME; `bitnet setup` lists short ones",
    });
  }
  const fetched = await log.step("download", () => fetchModel(context, ref, { format }, log));
  const own = modelDir && join(modelDir, fetched.repo.split("/").at(-1) ?? "");
  const folder = own ?? convertedDir(fetched, process.env);
  const target = { format, quantEmbd, folder, keepThere: own !== undefined };
  const prepared = await log.step("convert", () =>
    prepareModel(context, fetched.path, target, log),
  );
  if (ref.file === undefined) await recordReady(fetched, resolve(prepared.path), process.env);
  return { ref, fetched, prepared };
}

async function check({ ui, signal }: Context, log: SetupLog): Promise<SelfCheck> {
  const doing = "checking the kernels";
  const found = await ui.spin(doing, "checked the kernels", () =>
    checkKernels({ env: process.env, signal }),
  );
  const words = `${found.target}: the same logits as plain C++, bit for bit`;
  ui.info(`kernels ${words}`);
  await log.write("check", words);
  return found;
}
