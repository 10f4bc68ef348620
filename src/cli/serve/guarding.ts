import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { ConfigError, NotFoundError } from "../../errors.ts";
import type { Backend } from "../../server/backend.ts";
import { ApiKeys, type NamedKey, parseKeyFile } from "../../server/guards/api-keys.ts";
import { auditLog, openAuditFile } from "../../server/guards/audit-log.ts";
import { ClientIds } from "../../server/guards/client-ids.ts";
import type { Guards } from "../../server/guards/guards.ts";
import { isLoopback } from "../../server/guards/host-check.ts";
import type { LengthLimits } from "../../server/guards/length-limits.ts";
import { OutputScreen } from "../../server/guards/output-screen.ts";
import { PatternSet } from "../../server/guards/patterns/pattern-set.ts";
import { PatternError } from "../../server/guards/patterns/syntax.ts";
import type { OnRequestEnd } from "../../server/guards/record.ts";
import type { Context } from "../context.ts";
import type { OptionKey, OptionValues } from "../options.ts";

/** Options that decide who gets in, and what gets in and out. */
export const GUARD_OPTIONS = [
  "host",
  "apiKey",
  "apiKeyFile",
  "rateLimit",
  "addressRateLimit",
  "trustProxy",
  "allowHost",
  "corsOrigin",
  "maxBody",
  "maxPromptChars",
  "maxPromptTokens",
  "maxOutputTokens",
  "inputFilter",
  "outputFilter",
  "auditLog",
  "auditPrompts",
  "auditSalt",
] as const satisfies readonly OptionKey[];

type Options = OptionValues<(typeof GUARD_OPTIONS)[number]>;

/** What protects the server, in front of the routes and around the answers. */
export interface Guarding {
  readonly guards: Guards;
  readonly lengths: LengthLimits;
  readonly listeners: readonly OnRequestEnd[];
  readonly screen: (() => OutputScreen) | undefined;
}

/** Reads keys and patterns and opens the audit log; warns of what leaves the server open.
 *  @throws {ConfigError}   a file of keys or patterns that is not valid
 *  @throws {NotFoundError} a file that cannot be read, an audit log that cannot be written */
export async function openGuarding(
  context: Context,
  options: Options,
  backend: Backend,
): Promise<Guarding> {
  const { ui } = context;
  const keys = await openKeys(context, options);
  const { maxPromptChars, maxPromptTokens, maxOutputTokens } = options;
  const lengths = { maxPromptChars, maxPromptTokens, maxOutputTokens };
  const input = await readPatterns(options.inputFilter);
  const output = await readPatterns(options.outputFilter);
  const audit = openAudit(context, options);
  const local = isLoopback(options.host);
  if (!keys && !local) {
    ui.warn(`anyone who can reach ${options.host} may use this server: there is no API key`);
    ui.warn("give it one with --api-key-file or BITNET_API_KEY, or leave --host out");
  }
  return {
    guards: {
      keys,
      hosts: !keys && local ? options.allowHost : undefined,
      rates: { perClient: options.rateLimit, perAddress: options.addressRateLimit },
      lengths,
      input: input && {
        patterns: input,
        decode: (ids) => backend.require().model.tokenizer.decode(ids, { special: true }),
        onFound: (place) => ui.info(`a request was refused for ${place}`),
      },
    },
    lengths,
    listeners: audit ? [audit] : [],
    screen:
      output &&
      (() => new OutputScreen(output, (place) => ui.info(`an answer was ended for ${place}`))),
  };
}

async function openKeys(
  { ui }: Context,
  { apiKey, apiKeyFile }: Options,
): Promise<ApiKeys | undefined> {
  const named: NamedKey[] = apiKey.map((key, i) => ({ name: `key-${i + 1}`, key }));
  if (apiKeyFile !== undefined) {
    named.push(...parseKeyFile(await readText(apiKeyFile), apiKeyFile));
    const { mode } = await stat(apiKeyFile);
    if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
      ui.warn(`other users of this machine can read ${apiKeyFile}: chmod 600 ${apiKeyFile}`);
    }
  }
  if (named.length === 0) return undefined;
  const keys = new ApiKeys(named);
  for (const name of keys.weak) {
    ui.warn(
      `API key "${name}" is short enough to be guessed; \`openssl rand -hex 24\` makes a good one`,
    );
  }
  return keys;
}

/** Readable or writable by others than the owner. */
const OTHERS = 0o077;

async function readPatterns(path: string | undefined): Promise<PatternSet | undefined> {
  if (path === undefined) return undefined;
  const text = await readText(path);
  try {
    return PatternSet.read(text, basename(path));
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new ConfigError(`the filter cannot be used: ${error.message}`, {
      hint: "one regular expression per line, without looking around or back: see docs/SERVER.md",
    });
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new NotFoundError(`${path} cannot be read (${cause.code})`, { cause });
  });
}

/** To a file; with `-`, to standard error. */
function openAudit(
  { ui }: Context,
  { auditLog: path, auditPrompts: withPrompts, auditSalt }: Options,
): OnRequestEnd | undefined {
  if (path === undefined) return undefined;
  const options = { ids: new ClientIds(auditSalt), withPrompts };
  if (path === "-") return auditLog({ write: (line) => ui.say(line.trimEnd()) }, options);
  const onError = ({ message }: Error) => ui.error(`the audit log cannot be written: ${message}`);
  try {
    return auditLog(openAuditFile(path, onError), options);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new NotFoundError(`the audit log ${path} cannot be written (${code})`, { cause });
  }
}
