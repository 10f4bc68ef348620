import type { LazyCommand } from "../command.ts";

/** Every sub-command, in the order of the help. Each is imported when it is called. */
export const COMMANDS: readonly LazyCommand[] = [
  {
    name: "setup",
    summary: "download a model and make it ready to run",
    load: async () => (await import("./setup.ts")).setup,
  },
  {
    name: "models",
    summary: "list, show and remove the models on this machine",
    load: async () => (await import("./models.ts")).models,
  },
  {
    name: "run",
    summary: "generate text from a prompt",
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "chat",
    summary: "talk with a model",
    load: async () => (await import("./chat.ts")).chat,
  },
  {
    name: "serve",
    summary: "answer requests over HTTP, as the OpenAI API has them",
    load: async () => (await import("./serve.ts")).serve,
  },
  {
    name: "embed",
    summary: "turn texts into vectors",
    load: async () => (await import("./embed.ts")).embed,
  },
  {
    name: "perplexity",
    summary: "measure how well a model predicts a text, or compare two",
    load: async () => (await import("./perplexity.ts")).perplexity,
  },
  {
    name: "convert",
    summary: "turn a model into another form",
    load: async () => (await import("./convert.ts")).convert,
  },
  {
    name: "bench",
    summary: "measure speed, latency, memory and energy",
    load: async () => (await import("./bench.ts")).bench,
  },
  {
    name: "tune",
    summary: "find the fastest settings for a model on this machine",
    load: async () => (await import("./tune.ts")).tune,
  },
  {
    name: "info",
    summary: "show the CPU, the kernels and what is in a model",
    load: async () => (await import("./info.ts")).info,
  },
  {
    name: "doctor",
    summary: "check this machine and its models, and say what mends a fault",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  {
    name: "completion",
    summary: "print the script that teaches a shell these commands",
    load: async () => (await import("./completion.ts")).completion,
  },
];
