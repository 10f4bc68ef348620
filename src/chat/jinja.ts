import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { strftime } from "./strftime.ts";

// The library's declarations do not resolve under nodenext (no extensions), so that its exports are
// untyped; what is used of them is declared here.
interface Value {
  readonly value: unknown;
}

interface Statement {
  readonly type: string;
  readonly iterable?: Statement;
  readonly lhs?: Statement;
}

interface Scope {
  set(name: string, value: unknown): Value;
}

/** A parsed template. */
export type TemplateProgram = Statement;

const LibraryScope = Environment as new () => Scope;
const LibraryInterpreter = Interpreter as new (
  scope: Scope,
) => {
  run(program: TemplateProgram): Value;
  evaluate(statement: Statement | undefined, scope: Scope): Value;
};

/** A template is data from a model file: it may be malformed, and it may be hostile. The limits lie
 *  far above what real templates need (hundreds of steps per message). */
export const TEMPLATE_LIMITS = {
  sourceChars: 1 << 20,
  /** Evaluated expressions and statements, large values counting for more. */
  steps: 1_000_000,
  /** Characters of one string. */
  stringChars: 1 << 24,
  /** Items of one list. */
  listItems: 1_000_000,
} as const;

/** A value of this many characters or items costs one step more. */
const ITEMS_PER_STEP = 64;

/** The template called raise_exception: it refuses these messages. */
export class TemplateRefusal extends Error {}

/** @throws {Error} a syntax error, with the parser's message */
export function compileTemplate(source: string): TemplateProgram {
  if (source.length > TEMPLATE_LIMITS.sourceChars) {
    throw new Error(`longer than ${TEMPLATE_LIMITS.sourceChars} characters`);
  }
  // The whitespace rules that Hugging Face's apply_chat_template sets.
  return parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })) as TemplateProgram;
}

/** Renders with the functions and constants that Hugging Face's templates may use.
 *  @throws {TemplateRefusal} raise_exception was called
 *  @throws {Error}           anything else: an unknown filter, a limit, a wrong type */
export function renderTemplate(
  program: TemplateProgram,
  variables: Readonly<Record<string, unknown>>,
  now: Date,
): string {
  const scope = new LibraryScope();
  const globals = {
    ...variables,
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range: boundedRange,
    raise_exception: (message: unknown): never => {
      throw new TemplateRefusal(String(message));
    },
    strftime_now: (format: unknown): string => strftime(now, String(format)),
  };
  for (const [name, value] of Object.entries(globals)) {
    if (value !== undefined) scope.set(name, value);
  }
  const rendered = new BoundedInterpreter(scope).run(program).value;
  if (typeof rendered !== "string") throw new Error("it does not render to text");
  return rendered;
}

/** Counts steps and looks at the size of every value. All evaluation passes through `evaluate`. */
class BoundedInterpreter extends LibraryInterpreter {
  #steps = 0;
  /** What `for` statements run over: each item costs a step before its body has been looked at. */
  readonly #iterables = new WeakSet<object>();

  override evaluate(statement: Statement | undefined, scope: Scope): Value {
    this.#spend(1);
    if (statement?.type === "For" && statement.iterable) {
      const { iterable } = statement;
      // `for x in list if test` wraps the list.
      this.#iterables.add((iterable.type === "SelectExpression" && iterable.lhs) || iterable);
    }
    const result = super.evaluate(statement, scope);
    const size = checkedSize(result.value);
    const isIterable = statement !== undefined && this.#iterables.has(statement);
    this.#spend(isIterable ? size : Math.floor(size / ITEMS_PER_STEP));
    return result;
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > TEMPLATE_LIMITS.steps) {
      throw new Error(`it takes more than ${TEMPLATE_LIMITS.steps} steps`);
    }
  }
}

function checkedSize(value: unknown): number {
  if (typeof value === "string") {
    if (value.length <= TEMPLATE_LIMITS.stringChars) return value.length;
    throw new Error(`it makes text of more than ${TEMPLATE_LIMITS.stringChars} characters`);
  }
  if (!Array.isArray(value)) return value instanceof Map ? value.size : 0;
  if (value.length <= TEMPLATE_LIMITS.listItems) return value.length;
  throw new Error(`it makes a list of more than ${TEMPLATE_LIMITS.listItems} items`);
}

/** Python's range(); the library's own has no limit. */
function boundedRange(first: unknown, second?: unknown, third?: unknown): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const step = third ?? 1;
  if (![start, stop, step].every(Number.isSafeInteger) || step === 0) {
    throw new Error("range() needs integers and a step other than 0");
  }
  const span = ((stop as number) - (start as number)) / (step as number);
  const count = Math.max(0, Math.ceil(span));
  if (count > TEMPLATE_LIMITS.listItems) throw new Error(`range() of ${count} items is too long`);
  return Array.from({ length: count }, (_, i) => (start as number) + i * (step as number));
}
