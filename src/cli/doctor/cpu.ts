import { readFileSync } from "node:fs";
import type { SystemSummary } from "../system-summary.ts";
import { type Finding, ok, warning } from "./finding.ts";

/** A feature that decides the speed: our name for it, and the one in /proc/cpuinfo. */
const FEATURES: Readonly<Record<string, readonly (readonly [ours: string, systems: string])[]>> = {
  x64: [
    ["avx2", "avx2"],
    ["avx512vnni", "avx512_vnni"],
    ["avx_vnni", "avx_vnni"],
    ["amx_int8", "amx_int8"],
  ],
  arm64: [
    ["dotprod", "asimddp"],
    ["i8mm", "i8mm"],
  ],
};

/** CPUs that have a feature whatever a virtual machine shows of them. */
const MODELS: readonly { readonly brand: RegExp; readonly has: string; readonly name: string }[] = [
  { brand: /EPYC 9[\dA-Z]\d\d/, has: "avx512vnni", name: "AVX512-VNNI" },
  { brand: /Xeon.*(?:8[345]|6[345]|5[345]|4[345])\d\d/, has: "avx512vnni", name: "AVX512-VNNI" },
  { brand: /Xeon.*(?:84|85|64|65|54|55|44|45)\d\d/, has: "amx_int8", name: "AMX" },
  { brand: /1[234]th Gen Intel|Core.*Ultra/, has: "avx_vnni", name: "AVX-VNNI" },
];
const NAMELESS = /QEMU|KVM processor|Virtual CPU/i;
const HOST_CPU =
  "give the virtual machine the host's CPU (QEMU: -cpu host; Proxmox: CPU type host; VirtualBox: turn " +
  "Hyper-V off on the host)";

/** What the machine says about itself, as far as it does. */
export interface CpuFacts {
  readonly arch: string;
  readonly brand: string;
  /** As the engine sees them: CPU and operating system together. */
  readonly features: readonly string[];
  /** Flags of /proc/cpuinfo; undefined where there is none. */
  readonly flags: ReadonlySet<string> | undefined;
}

export function cpuFacts({ cpu }: SystemSummary, arch: string = process.arch): CpuFacts {
  return { arch, brand: cpu.brand, features: cpu.features, flags: readFlags() };
}

/** Which features there are, and what hides others. */
export function checkCpu(facts: CpuFacts): readonly Finding[] {
  const { arch, brand, features } = facts;
  const list = (FEATURES[arch] ?? []).map(([ours]) => ours).filter((one) => features.includes(one));
  const known = list.join(", ") || "none of the features that matter";
  const where = isVirtual(facts) ? "; in a virtual machine" : "";
  return [
    ...refusedFeatures(facts),
    ...hiddenFeatures(facts),
    ok("cpu", `${brand}: ${known}${where}`),
  ];
}

/** What the CPU has and the operating system keeps from programs. */
function refusedFeatures({ arch, features, flags }: CpuFacts): readonly Finding[] {
  const refused = (FEATURES[arch] ?? []).filter(
    ([ours, theirs]) => flags?.has(theirs) && !features.includes(ours),
  );
  return refused.map(([ours]) =>
    warning(
      `cpu.${ours}`,
      `the CPU has ${ours}, and the operating system does not let programs use it`,
      "use a newer kernel, or one that is started without clearcpuid= and noxsave",
    ),
  );
}

/** What such a CPU ought to have, and neither the engine nor the operating system sees. */
function hiddenFeatures(facts: CpuFacts): readonly Finding[] {
  const { arch, brand, features, flags } = facts;
  const virtual = isVirtual(facts);
  if (arch === "x64" && !features.includes("avx2")) {
    const why = virtual ? "a virtual machine hides AVX2, or its CPU has none" : "no AVX2";
    const fix = virtual ? HOST_CPU : "nothing: plain C++ code is used, which is many times slower";
    return [warning("cpu.avx2", `${brand}: ${why}`, fix)];
  }
  const systems = (feature: string) =>
    (FEATURES[arch] ?? []).find(([ours]) => ours === feature)?.[1] ?? feature;
  const hidden = MODELS.filter(
    ({ brand: pattern, has }) =>
      pattern.test(brand) && !features.includes(has) && !flags?.has(systems(has)),
  );
  if (hidden.length === 0 && virtual && NAMELESS.test(brand)) {
    return [warning("cpu.model", `the virtual machine shows a made-up CPU (${brand})`, HOST_CPU)];
  }
  return hidden.map(({ has, name }) => {
    const who = virtual ? "the virtual machine" : "the BIOS";
    const fix = virtual ? HOST_CPU : `turn ${name} on in the BIOS settings, or update it`;
    return warning(`cpu.${has}`, `${who} hides ${name} of ${brand}`, fix);
  });
}

function isVirtual({ flags }: CpuFacts): boolean {
  return flags?.has("hypervisor") ?? false;
}

function readFlags(): ReadonlySet<string> | undefined {
  try {
    const text = readFileSync("/proc/cpuinfo", "utf8");
    const line = /^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1];
    return line === undefined ? undefined : new Set(line.trim().split(/\s+/));
  } catch {
    return undefined;
  }
}
