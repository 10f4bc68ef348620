import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { onTestFinished } from "vitest";
import { addClients } from "../../src/server/client.ts";
import { sendError } from "../../src/server/error-answers.ts";
import { addGuards, type Guards } from "../../src/server/guards/guards.ts";
import { addRecords, type OnRequestEnd } from "../../src/server/guards/record.ts";

const NO_GUARDS: Guards = { rates: {}, lengths: {} };

export interface GuardedApp {
  readonly url: string;
  readonly port: number;
  readonly app: FastifyInstance;
  /** Sends bytes as they are; gives all that comes back until the server closes. */
  raw(bytes: string): Promise<string>;
}

/** A server without a model: `/work` gives back what it got, `/open` needs no key. */
export async function startGuarded(
  guards: Partial<Guards>,
  { listeners = [], add }: GuardedOptions = {},
): Promise<GuardedApp> {
  const app = Fastify({ trustProxy: true }); // so that a test can come from many addresses
  const failures: unknown[] = [];
  app.setErrorHandler((error, _request, reply) =>
    sendError(reply, error, (failure) => failures.push(failure)),
  );
  addClients(app);
  addRecords(app, listeners);
  addGuards(app, { ...NO_GUARDS, ...guards });
  app.post("/work", async ({ body }) => ({ body }));
  app.get("/read/:name", async ({ client }) => ({ client }));
  app.get("/open", { config: { public: true } }, async () => ({ open: true }));
  add?.(app);
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    await app.close();
    if (failures.length > 0) throw failures[0];
  });
  const { port } = app.server.address() as AddressInfo;
  const raw = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      let got = "";
      socket.setEncoding("latin1").on("data", (data) => (got += data));
      socket.once("close", () => resolve(got)).once("error", reject);
      socket.end(bytes, "latin1");
    });
  return { url: `http://127.0.0.1:${port}`, port, app, raw };
}

export interface GuardedOptions {
  readonly listeners?: readonly OnRequestEnd[];
  readonly add?: (app: FastifyInstance) => void;
}

/** A request of work from an address. */
export function post(
  { url }: Pick<GuardedApp, "url">,
  body: unknown,
  { key, address }: { readonly key?: string; readonly address?: string } = {},
): Promise<Response> {
  const headers = new Headers({ "content-type": "application/json" });
  if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
  if (address !== undefined) headers.set("x-forwarded-for", address);
  return fetch(`${url}/work`, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Status and `error_code`; the whole shape is checked. */
export async function refusal(response: Response): Promise<readonly [number, string | undefined]> {
  if (response.ok) {
    await response.body?.cancel();
    return [response.status, undefined];
  }
  const { error } = (await response.json()) as { error: Record<string, unknown> };
  const { message, type, param, code, error_code } = error;
  if ([message, type, code, error_code].some((value) => typeof value !== "string")) {
    throw new Error(`not an error of ours: ${JSON.stringify(error)}`);
  }
  if (param !== null && typeof param !== "string") throw new Error(`param is ${param}`);
  return [response.status, error_code as string];
}
