// No promise may be left alone: a statement whose value is a promise must await it, handle its
// rejection or drop it with `void`. Biome has such a rule, which infers types file by file as its
// threads come to them and so answers differently from run to run; this asks the type checker.
//   node scripts/check-promises.mjs [TSCONFIG...]
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {ts.Expression} expression @returns {boolean} */
function isHandled(expression) {
  if (!ts.isCallExpression(expression)) return false;
  const callee = expression.expression;
  if (!ts.isPropertyAccessExpression(callee)) return false;
  const { length } = expression.arguments;
  switch (callee.name.text) {
    case "catch":
      return length > 0;
    case "then":
      return length > 1;
    case "finally":
      return isHandled(callee.expression);
    default:
      return false;
  }
}

/** @param {ts.TypeChecker} checker @param {ts.Expression} expression */
function isPromise(checker, expression) {
  const type = checker.getTypeAtLocation(expression);
  const parts = type.isUnion() ? type.types : [type];
  // What has a `then` alone may not be one: Fastify's replies are awaited by Fastify.
  return parts.some((part) => ["then", "catch"].every((name) => part.getProperty(name)));
}

/** @param {ts.Program} program @param {ts.SourceFile} file */
function* floating(program, file) {
  const checker = program.getTypeChecker();
  /** @type {ts.Node[]} */
  const open = [file];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    ts.forEachChild(node, (child) => void open.push(child));
    if (!ts.isExpressionStatement(node)) continue;
    const { expression } = node;
    const isKept = ts.isAwaitExpression(expression) || ts.isVoidExpression(expression);
    if (isKept || ts.isBinaryExpression(expression) || isHandled(expression)) continue;
    if (!isPromise(checker, expression)) continue;
    const { line } = file.getLineAndCharacterOfPosition(node.getStart());
    yield `${relative(root, file.fileName)}:${line + 1}: ${expression.getText().split("\n")[0]}`;
  }
}

/** @param {string} path */
function check(path) {
  const config = ts.getParsedCommandLineOfConfigFile(path, { allowJs: true }, ts.sys);
  const program = ts.createProgram(config.fileNames, config.options);
  const files = program.getSourceFiles().filter((file) => !/\/node_modules\//.test(file.fileName));
  return { count: files.length, found: files.flatMap((file) => [...floating(program, file)]) };
}

const args = process.argv.slice(2);
const configs = args.length > 0 ? args : ["tsconfig.json", "web/tsconfig.json"];
const results = configs.map((path) => check(resolve(root, path)));
const found = results.flatMap((result) => result.found);
for (const line of found) console.log(`${line}  <- await it, handle it, or drop it with void`);
const count = results.reduce((sum, result) => sum + result.count, 0);
console.log(`promises: ${count} files, ${found.length} left alone`);
process.exit(found.length > 0 ? 1 : 0);
