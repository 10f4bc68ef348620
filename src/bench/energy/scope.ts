/** Which of the processor's counters make up the machine, and the scope that they cover together.
 *  Cores and graphics are parts of their package, and `psys` holds everything: adding them up would
 *  count twice. Memory lies outside the package. Cores alone are the last resort. */
export function chooseDomains<Domain extends { readonly name: string }>(
  domains: readonly Domain[],
): { readonly chosen: readonly Domain[]; readonly scope: string } {
  const packages = distinct(domains.filter(({ name }) => name.startsWith("package")));
  if (packages.length > 0) {
    const memory = domains.filter(({ name }) => name === "dram");
    const scope = memory.length > 0 ? "package+dram" : "package";
    return { chosen: [...packages, ...memory], scope };
  }
  for (const scope of ["psys", "core"]) {
    const chosen = domains.filter(({ name }) => name === scope);
    if (chosen.length > 0) return { chosen: scope === "psys" ? chosen.slice(0, 1) : chosen, scope };
  }
  return { chosen: [], scope: "none" };
}

/** One domain of each name. */
function distinct<Domain extends { readonly name: string }>(
  domains: readonly Domain[],
): readonly Domain[] {
  return [...new Map(domains.toReversed().map((one) => [one.name, one])).values()].reverse();
}
