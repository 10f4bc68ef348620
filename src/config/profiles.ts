/** Settings that belong together, for a kind of machine. */
export interface Profile {
  readonly summary: string;
  /** Share of the physical cores, or of all CPUs that the process may use. */
  readonly threads: {
    readonly of: "cores" | "cpus";
    readonly share: number;
    /** Cores left to others. */
    readonly spare: number;
    readonly max: number;
  };
  readonly batchSize: number;
  /** Longest context window, in tokens; null: the model's own. */
  readonly context: number | null;
  /** Share of the memory that model and context may take. */
  readonly memoryShare: number;
  readonly weights: "fast" | "compact";
  readonly kvType: "f16" | "int8";
}

const MANY = 1024;

// biome-ignore format: a table
export const PROFILES = {
  mobile: { summary: "little memory, few threads, the machine stays free for other things",
    threads: { of: "cores", share: 0.5, spare: 0, max: 4 }, batchSize: 64, context: 2048,
    memoryShare: 0.25, weights: "compact", kvType: "int8" },
  edge: { summary: "a small machine that does this and little else",
    threads: { of: "cores", share: 1, spare: 1, max: 8 }, batchSize: 256, context: 4096,
    memoryShare: 0.5, weights: "compact", kvType: "int8" },
  server: { summary: "a machine of its own",
    threads: { of: "cores", share: 1, spare: 0, max: MANY }, batchSize: 512, context: null,
    memoryShare: 0.8, weights: "fast", kvType: "f16" },
  cloud: { summary: "a container or virtual machine: every CPU that it was given",
    threads: { of: "cpus", share: 1, spare: 0, max: MANY }, batchSize: 512, context: 8192,
    memoryShare: 0.9, weights: "fast", kvType: "f16" },
} as const satisfies Readonly<Record<string, Profile>>;

export type ProfileName = keyof typeof PROFILES;
export const PROFILE_NAMES = Object.keys(PROFILES) as readonly ProfileName[];

/** What the machine offers. */
export interface MachineSize {
  readonly cores: number;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** A profile in the figures of one machine. */
export interface ProfileSettings {
  readonly threads: number;
  readonly batchSize: number;
  readonly weights: Profile["weights"];
  readonly kvType: Profile["kvType"];
}

export function profileSettings(name: ProfileName, machine: MachineSize): ProfileSettings {
  const { threads, batchSize, weights, kvType }: Profile = PROFILES[name];
  const wanted = Math.floor(machine[threads.of] * threads.share) - threads.spare;
  return { threads: Math.max(1, Math.min(wanted, threads.max)), batchSize, weights, kvType };
}

/** Memory that model and context may take together. */
export function memoryLimit(name: ProfileName, { memoryBytes }: MachineSize): number {
  return Math.floor(memoryBytes * PROFILES[name].memoryShare);
}
