import { defineConfig } from "vitest/config";

// Three layers, run apart by `npm test`: unit is pure and quick; integration and cli load native
// code or spawn processes, so each file gets a child process of its own, one at a time (a crash
// ends that file, not the run, and timings do not disturb one another on small machines).
const isolated = { pool: "forks", maxWorkers: 1, fileParallelism: false } as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          testTimeout: 30_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...isolated,
        },
      },
      {
        test: { name: "cli", include: ["test/cli/**/*.test.ts"], testTimeout: 30_000, ...isolated },
      },
    ],
  },
});
