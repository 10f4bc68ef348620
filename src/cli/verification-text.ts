import type { RoundedTensor, Verification } from "../convert/verify.ts";
import { formatCount } from "../ui/format.ts";

/** What `--verify` found, for people: one line, and one for every pair of formats that rounded. */
export function describeVerification(verification: Verification): readonly string[] {
  const { tensors, weights, rounded } = verification;
  const all = `verified ${tensors} tensors, ${formatCount(weights)} weights: every trit as in the input`;
  if (rounded.length === 0) return [`${all}, and every weight to the last bit`];
  const pairs = new Map<string, readonly RoundedTensor[]>();
  for (const one of rounded) {
    const pair = `${one.from} to ${one.to}`;
    pairs.set(pair, [...(pairs.get(pair) ?? []), one]);
  }
  return [all, ...[...pairs].map(([pair, group]) => describePair(pair, group))];
}

function describePair(pair: string, group: readonly RoundedTensor[]): string {
  const [first] = group;
  const names = group.length === 1 ? first?.tensor : `${group.length} tensors`;
  const weights = group.reduce((sum, one) => sum + one.weights, 0);
  const change = Math.max(...group.map((one) => one.maxRelative));
  return `rounded: ${formatCount(weights)} weights of ${names} (${pair}), by up to ${change.toPrecision(2)} of their value`;
}
