import type { Flat } from "./flat.ts";
import { type Place, refuse } from "./node.ts";
import type { ValueRule } from "./objects.ts";
import type { Rules } from "./rules.ts";

const MAX_COUNT = 1000;

const ANYTHING: Place = { schema: true, pointer: "" };

/** Grammars of an array: its first items, then any number of the others, within bounds. [] when there
 *  is none. */
export function arrayGrammars({ list, pointer }: Flat, rules: Rules, ruleOf: ValueRule): string[] {
  const { min = 0, max, first = [], items } = list;
  if (Math.max(min, max ?? 0) > MAX_COUNT) refuse(pointer, `counts above ${MAX_COUNT} items`);
  const most = max ?? Number.POSITIVE_INFINITY;
  const heads = possible(first.slice(0, most).map((place) => ruleOf(place)));
  // A list of first items ends with them, unless the schema says what else there may be.
  const isClosed = heads.length < first.length || (first.length > 0 && items === undefined);
  const item = isClosed || most === heads.length ? undefined : ruleOf(items ?? ANYTHING);
  if (min > most || (min > heads.length && item === undefined)) return [];
  const start = startOf({ heads, item, min, most }, rules);
  return [`"[" ws (${start.join(" | ")})`];
}

interface Items {
  readonly heads: readonly string[];
  readonly item: string | undefined;
  readonly min: number;
  readonly most: number;
}

/** What may follow the opening bracket. */
function startOf({ heads, item, min, most }: Items, rules: Rules): string[] {
  const empty = min === 0 ? ['"]"'] : [];
  const more = (taken: number) => {
    if (item === undefined) return 'ws "]"';
    const limit = Number.isFinite(most) ? most - taken : "";
    return `(ws "," ws ${item}){${Math.max(0, min - taken)},${limit}} ws "]"`;
  };
  const [head, ...others] = heads;
  if (head === undefined) return item === undefined ? empty : [`${item} ${more(1)}`, ...empty];
  let after = rules.add("items", more(heads.length));
  for (const [i, other] of [...others.entries()].reverse()) {
    const mayEnd = i + 1 >= min ? ' | ws "]"' : "";
    after = rules.add("items", `ws "," ws ${other} ${after}${mayEnd}`);
  }
  return [`${head} ${after}`, ...empty];
}

/** Those before the first that cannot be. */
function possible(names: readonly (string | undefined)[]): string[] {
  const end = names.indexOf(undefined);
  return (end < 0 ? names : names.slice(0, end)) as string[];
}
