import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/**
 * @typedef {object} NativeRules
 * @property {Record<string, readonly string[]>} layers   what each layer may include
 * @property {Record<string, readonly string[]>} faces    the headers that a layer shows to others
 * @property {Readonly<Record<string, readonly string[]>>} [isaExceptions] further headers, by kernel file
 * @property {readonly string[]} isaSystemHeaders   all that kernel files may include with <>
 * @property {readonly string[]} isaHeaders         headers of ours that they may include, beside
 *                                                  *-inl.h; the same rule holds inside these
 * @property {Record<string, readonly string[]>} headers  which layers may include a header
 * @property {readonly { pattern: RegExp, what: string, except: readonly string[] }[]} banned
 */

/**
 * Checks one C++ file of `native/`.
 * @param {string} root
 * @param {string} file path relative to root
 * @param {NativeRules} rules
 * @returns {string[]} one line per violation
 */
export function checkNativeFile(root, file, rules) {
  const code = withoutComments(readFileSync(join(root, file), "utf8"));
  const layer = file.split("/")[1] ?? "";
  if (!(layer in rules.layers)) {
    return [`${file}:1: layer "${layer}" is not in the table of scripts/check-layers.mjs`];
  }
  /** @type {string[]} */
  const violations = [];
  /** @param {number} index @param {string} message */
  const report = (index, message) => {
    violations.push(`${file}:${code.slice(0, index).split("\n").length}: ${message}`);
  };

  for (const match of code.matchAll(/^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]/gm)) {
    const [, open, header = ""] = match;
    const allowed = rules.headers[header];
    if (allowed && !allowed.includes(layer)) {
      report(match.index, `${layer} must not include ${header} (${allowed.join(", ")} may)`);
    }
    const problem =
      open === '"'
        ? checkInclude(root, file, layer, header, rules)
        : checkSystemInclude(file, header, rules);
    if (problem) report(match.index, problem);
  }

  const bare = withoutStrings(code);
  for (const { pattern, what, except } of rules.banned) {
    if (except.includes(layer)) continue;
    for (const match of bare.matchAll(pattern)) {
      report(match.index, `${layer} must not ${what}: ${match[0].trim()}`);
    }
  }
  return violations;
}

/**
 * Compiled with the flags of one instruction set, or included by such files.
 * @param {string} file @param {NativeRules} rules
 */
function isIsaFile(file, rules) {
  if (rules.isaHeaders.includes(file)) return true;
  return file.startsWith("native/kernels/") && !/\/dispatch\.(h|cpp)$/.test(file);
}

/** @param {string} file @param {string} header @param {NativeRules} rules */
function checkSystemInclude(file, header, rules) {
  if (!isIsaFile(file, rules) || rules.isaSystemHeaders.includes(header)) return undefined;
  return `kernel files must not include <${header}>: inline library code leaks out of them`;
}

/**
 * @param {string} root
 * @param {string} file
 * @param {string} layer
 * @param {string} header
 * @param {NativeRules} rules
 */
function checkInclude(root, file, layer, header, rules) {
  const beside = posix.join(posix.dirname(file), header);
  const target = existsSync(join(root, beside)) ? beside : posix.join("native", header);
  if (!existsSync(join(root, target))) {
    // Headers of packages (napi.h) come with quotes too; those named in the table are allowed.
    return header in rules.headers ? undefined : `include of "${header}", which does not exist`;
  }
  if (isIsaFile(file, rules)) {
    return isKernelHeader(file, target, rules)
      ? undefined
      : `kernel files must not include "${header}"`;
  }
  const [, targetLayer = "", ...rest] = target.split("/");
  if (targetLayer === layer) return undefined;
  if (!rules.layers[layer]?.includes(targetLayer)) {
    return `${layer} must not include ${targetLayer} ("${header}")`;
  }
  const faces = rules.faces[targetLayer];
  if (!faces || faces.includes(rest.join("/"))) return undefined;
  return `of ${targetLayer} only ${faces.join(" and ")} may be included, not "${header}"`;
}

/** @param {string} file @param {string} target @param {NativeRules} rules */
function isKernelHeader(file, target, rules) {
  if (rules.isaHeaders.includes(target)) return true;
  if (rules.isaExceptions?.[file]?.includes(target)) return true;
  if (!target.endsWith("-inl.h")) return false;
  const dir = posix.dirname(target);
  return dir === "native/kernels/generic" || dir === posix.dirname(file);
}

const COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'/g;

/** Blanks comments out; positions and lines stay. @param {string} code */
function withoutComments(code) {
  return code.replace(COMMENT_OR_STRING, (part) => (part.startsWith("/") ? blank(part) : part));
}

/** @param {string} code */
function withoutStrings(code) {
  return code.replace(COMMENT_OR_STRING, blank);
}

/** @param {string} text */
function blank(text) {
  return text.replace(/[^\n]/g, " ");
}
