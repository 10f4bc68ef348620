import { openModelSource } from "../../checkpoint/open.ts";
import { hubCacheDir } from "../../config/paths.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { formatBytes, formatCount } from "../../ui/format.ts";
import { formatTable } from "../../ui/table.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { listModels, type OwnedModel } from "../models/inventory.ts";
import { locateModel } from "../models/ready.ts";
import { confirm, planRemoval, remove } from "../models/remove.ts";
import type { OptionValues } from "../options.ts";
import { describeReady, runCommand } from "../setup/summary.ts";

type Options = OptionValues<"json" | "force">;
type Action = (context: Context, options: Options, name: string) => Promise<void>;

export const models = defineCommand({
  description:
    "Lists the models on this machine: in the Hugging Face cache, whoever put them there, those that " +
    "`bitnet setup` converted, and files elsewhere that were run before. `show` tells more about one, " +
    "`path` prints where it is, `rm` removes a repository and what was made of it from the caches.",
  argument: {
    syntax: "[action]",
    help: "list (the default), show, path or rm",
    choices: ["list", "show", "path", "rm"],
  },
  secondArgument: { syntax: "[model]", help: "a name of the list, ORG/NAME, or a path" },
  options: ["force", "json"],
  examples: [
    { command: "bitnet models", says: "size, format, family, last use" },
    { command: "bitnet models show 2b4t", says: "one of them" },
    { command: 'cp "$(bitnet models path 2b4t)" .', says: "where it is" },
    { command: "bitnet models rm org/name", says: "asks first; --force does not" },
    { command: "bitnet models --json | jq '.models[].path'", says: "for scripts" },
  ],
  async run(context, options, action = "list", name) {
    if (action === "list" && name === undefined) return list(context, options);
    const work = ACTIONS.get(action);
    if (work === undefined) {
      throw new UsageError(`unknown action: ${[action, name].filter(Boolean).join(" ")}`, {
        hint: "list, show MODEL, path MODEL or rm MODEL",
      });
    }
    if (name === undefined) {
      throw new UsageError(`models ${action} needs a model`, {
        hint: "`bitnet models` lists them",
      });
    }
    return work(context, options, name);
  },
});

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ["show", show],
  ["path", path],
  ["rm", removeModel],
]);

async function list({ ui, out }: Context, { json }: Options): Promise<void> {
  const found = await listModels(process.env);
  if (json) return out.json({ models: found });
  if (found.length === 0) {
    ui.info(`no models in ${hubCacheDir(process.env)}: get one with \`bitnet setup 2b4t\``);
    return;
  }
  const header = ["model", "size", "format", "family", "last use"];
  const rows = found.map((one) => [
    one.name,
    sizeOf(one),
    one.format ?? "?",
    one.family ?? "?",
    useOf(one),
  ]);
  for (const line of formatTable([header, ...rows], { indent: 0, header: true }))
    await out.line(line);
  for (const { name, problem } of found) if (problem) ui.warn(`${name}: ${problem}`);
}

function sizeOf({ bytes }: OwnedModel): string {
  return bytes === null ? "?" : formatBytes(bytes);
}

/** A day says enough; `--json` has the time. */
function useOf({ lastUse }: OwnedModel): string {
  return lastUse === null ? "never" : lastUse.slice(0, "2026-01-01".length);
}

async function show({ out }: Context, { json }: Options, name: string): Promise<void> {
  const file = await locate(name);
  const source = await openModelSource(file);
  const model = await describeReady(source);
  const owned = (await listModels(process.env)).find((one) => one.path === file);
  const command = runCommand(name, model);
  const { repo = null, commit = null, lastUse = null } = owned ?? {};
  if (json) return out.json({ model: { name, repo, commit, ...model, lastUse }, command });
  const rows = [
    ["path", model.path],
    ["repository", repo ?? "none"],
    ["revision", commit ?? "none"],
    ["size", formatBytes(model.bytes)],
    ["format", model.format ?? "?"],
    ["family", model.family ?? "?"],
    ["parameters", formatCount(model.parameters)],
    ["chat template", model.chatTemplate ? "yes" : "no"],
    ["last use", lastUse ?? "never"],
    ["run", command],
  ];
  await out.title(name);
  for (const line of formatTable(rows)) await out.line(line);
}

async function path({ out }: Context, { json }: Options, name: string): Promise<void> {
  const file = await locate(name);
  if (json) return out.json({ path: file });
  await out.line(file);
}

/** @throws {NotFoundError} the name is no path either */
async function locate(name: string): Promise<string> {
  const file = await locateModel(name);
  await openModelSource(file).catch((error: unknown) => {
    if (error instanceof NotFoundError) throw error; // what is damaged has a path, too
  });
  return file;
}

async function removeModel(
  context: Context,
  { json, force }: Options,
  name: string,
): Promise<void> {
  const removal = await planRemoval(name, process.env);
  if (!force && !(await confirm(context, removal))) {
    context.ui.info("nothing removed");
    return;
  }
  await remove(removal, process.env);
  const { repo, bytes } = removal;
  if (json) return context.out.json({ removed: repo, bytes });
  await context.out.line(`removed ${repo}  ${formatBytes(bytes)}`);
}
