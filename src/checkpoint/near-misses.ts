import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Names further away than this are no typing errors. */
const MAX_DISTANCE = 3;

/** The entry beside a missing path that was probably meant. */
export async function nearestSibling(path: string): Promise<string | undefined> {
  const names = await readdir(dirname(path)).catch((): string[] => []);
  const wanted = basename(path).toLowerCase();
  const ranked = names
    .map((name) => ({ name, distance: distance(wanted, name.toLowerCase()) }))
    .filter((one) => one.distance <= Math.min(MAX_DISTANCE, wanted.length / 2))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best && join(dirname(path), best.name);
}

/** Insertions, deletions and replacements that turn `a` into `b` (Levenshtein); an omitted extension
 *  counts as one. */
function distance(a: string, b: string): number {
  if (b.startsWith(`${a}.`)) return 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (b[j - 1] === char ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
