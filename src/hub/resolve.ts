import { UsageError } from "../errors.ts";
import { SHORT_NAMES } from "./names.ts";

/** A model on the hub, as `org/name[:file][@revision]` names it. */
export interface RepoRef {
  /** What the user typed. */
  readonly given: string;
  /** `org/name`. */
  readonly repo: string;
  /** A file of the repository, or a tag of its name such as `PQ2_0`. */
  readonly file: string | undefined;
  /** Branch, tag or commit; undefined is the main branch. */
  readonly revision: string | undefined;
}

export const MAIN_BRANCH = "main";

const HUB_PREFIX = /^(?:https?:\/\/)?(?:huggingface\.co|hf\.co)\/|^hf:/;
const WORD = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?";
const REPO = new RegExp(`^${WORD}/${WORD}$`);
const REFERENCE = /^([^:@]+)(?::([^@]+))?(?:@(.+))?$/;

/** Reads a name of a model on the hub: `2b4t`, `org/name`, `org/name:file.gguf@revision`, or its
 *  address. Undefined for a text that can only be a path or a typing error.
 *  @throws {UsageError} a file or revision that points outside the repository */
export function parseRepoRef(given: string): RepoRef | undefined {
  const [, name = "", file, revision] = REFERENCE.exec(given.replace(HUB_PREFIX, "")) ?? [];
  const short = SHORT_NAMES.find((one) => one.name === name.toLowerCase());
  const repo = short?.repo ?? name.replace(/\/$/, "");
  if (!REPO.test(repo)) return undefined;
  for (const part of [file, revision]) {
    if (part !== undefined && !isSafePath(part)) {
      throw new UsageError(`${given}: "${part}" is no name inside a repository`);
    }
  }
  return { given, repo, file, revision };
}

/** Whether a path from outside stays inside the folder that it is joined to, on every system. */
export function isSafePath(path: string): boolean {
  const parts = path.split("/");
  const bad = (part: string) =>
    part === "" || part === "." || part === ".." || /[\\:\0]/.test(part);
  return path !== "" && !parts.some(bad);
}
