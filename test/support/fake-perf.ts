import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A perf device whose event of energy is the kernel's clock of CPU 0, scaled so that it takes
 *  `watts`; with 0 it stands still. */
export function fakePerfDevice(root: string, watts: number): string {
  const SOFTWARE = 1;
  const NANO = 1e-9;
  mkdirSync(join(root, "events"), { recursive: true });
  writeFileSync(join(root, "type"), `${SOFTWARE}\n`);
  writeFileSync(join(root, "cpumask"), "0\n");
  // Event 0 is the clock; event 9 is a dummy that counts nothing.
  writeFileSync(join(root, "events/energy-pkg"), `event=${watts > 0 ? "0x00" : "0x09"}\n`);
  writeFileSync(join(root, "events/energy-pkg.unit"), "Joules\n");
  writeFileSync(join(root, "events/energy-pkg.scale"), `${(watts || 1) * NANO}\n`);
  return root;
}
