import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, posix } from "node:path";
import ts from "typescript";

/**
 * @typedef {object} TsRules
 * @property {Record<string, readonly string[]>} layers     what each layer may import
 * @property {Record<string, readonly string[]>} packages   which layers may import a package
 * @property {Record<string, readonly string[]>} globals    which layers may use a global
 */

/**
 * Checks one TypeScript or JavaScript file of `src/` or `bin/`.
 * @param {string} root
 * @param {string} file path relative to root
 * @param {TsRules} rules
 * @returns {string[]} one line per violation
 */
export function checkTsFile(root, file, rules) {
  const text = readFileSync(join(root, file), "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const layer = layerOf(file);
  /** @type {string[]} */
  const violations = [];
  /** @param {ts.Node} node @param {string} message */
  const report = (node, message) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    violations.push(`${file}:${line + 1}: ${message}`);
  };
  if (!(layer in rules.layers)) {
    return [`${file}:1: layer "${layer}" is not in the table of scripts/check-layers.mjs`];
  }

  /** @param {ts.Node} node */
  const visit = (node) => {
    const specifier = importOf(node);
    if (specifier === null) report(node, "import of a computed path");
    if (specifier) {
      const problem = checkImport(file, layer, specifier, rules);
      if (problem) report(node, problem);
    }
    for (const name of globalsOf(node)) {
      const allowed = rules.globals[name];
      if (allowed && !allowed.includes(layer)) {
        report(node, `${layer} must not use ${name} (${allowed.join(", ") || "nobody"} may)`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return violations;
}

/** @param {string} file */
function layerOf(file) {
  const [top = "", second = ""] = file.split("/");
  return top === "bin" ? "bin" : second.replace(/\.ts$/, "");
}

/**
 * The module that a node imports; null when it is computed, undefined when the node is no import.
 * @param {ts.Node} node
 * @returns {string | null | undefined}
 */
function importOf(node) {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return node.moduleSpecifier && literal(node.moduleSpecifier);
  }
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? literal(node.argument.literal) : null;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return node.arguments[0] ? literal(node.arguments[0]) : null;
  }
  return undefined;
}

/** @param {ts.Node} node */
function literal(node) {
  return ts.isStringLiteralLike(node) ? node.text : null;
}

/**
 * @param {string} file
 * @param {string} layer
 * @param {string} specifier
 * @param {TsRules} rules
 * @returns {string | undefined}
 */
function checkImport(file, layer, specifier, rules) {
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(file), specifier).replace(/^dist\//, "src/");
    if (!target.startsWith("src/")) return `import of ${specifier}, which is outside src/`;
    const targetLayer = layerOf(target.replace(/\.js$/, ".ts"));
    if (targetLayer === layer || rules.layers[layer]?.includes(targetLayer)) return undefined;
    return `${layer} must not import ${targetLayer} (${specifier})`;
  }
  const name = specifier.replace(/^node:/, "");
  if (name === "process") return "use the global process, so that its uses can be checked";
  if (specifier.startsWith("node:") || builtinModules.includes(name)) return undefined;
  const allowed = rules.packages[packageOf(specifier)];
  if (!allowed) return `package ${specifier} is not in the table of scripts/check-layers.mjs`;
  if (allowed.includes(layer)) return undefined;
  return `${layer} must not import ${specifier} (${allowed.join(", ")} may)`;
}

/** @param {string} specifier */
function packageOf(specifier) {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/**
 * Global names of interest that a node uses, e.g. `process.env`, `console`.
 * @param {ts.Node} node
 * @returns {string[]}
 */
function globalsOf(node) {
  if (ts.isPropertyAccessExpression(node) && isGlobal(node.expression, "process")) {
    return [`process.${node.name.text}`];
  }
  if (ts.isElementAccessExpression(node) && isGlobal(node.expression, "process")) {
    return [`process.${literal(node.argumentExpression)}`];
  }
  if (
    ts.isVariableDeclaration(node) &&
    ts.isObjectBindingPattern(node.name) &&
    node.initializer &&
    isGlobal(node.initializer, "process")
  ) {
    return node.name.elements.map((e) => `process.${(e.propertyName ?? e.name).getText()}`);
  }
  return ts.isPropertyAccessExpression(node) && isGlobal(node.expression, "console")
    ? ["console"]
    : [];
}

/** @param {ts.Node} node @param {string} name */
function isGlobal(node, name) {
  if (ts.isIdentifier(node)) return node.text === name;
  return (
    ts.isPropertyAccessExpression(node) &&
    node.name.text === name &&
    isGlobal(node.expression, "globalThis")
  );
}
