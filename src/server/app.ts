import { randomUUID } from "node:crypto";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import swagger from "@fastify/swagger";
import Fastify, { type FastifyInstance } from "fastify";
import type { Backend } from "./backend.ts";
import { addBodyParser } from "./body.ts";
import { addClients } from "./client.ts";
import { closeConnectionsAtEnd } from "./connections.ts";
import { answerBrokenRequest, sendError } from "./error-answers.ts";
import { addGuards, type Guards } from "./guards/guards.ts";
import { addRecords, type OnRequestEnd, REQUEST_ID } from "./guards/record.ts";
import { SECURITY_HEADERS } from "./guards/security-headers.ts";
import { type Monitor, monitorRoutes } from "./monitoring/monitor.ts";
import { pageRoutes } from "./page.ts";
import { addProtocol, HTTP_OPTIONS } from "./protocol.ts";
import { batchRoutes } from "./routes/batches.ts";
import { chatRoutes } from "./routes/chat.ts";
import { completionRoutes } from "./routes/completions.ts";
import { embeddingRoutes } from "./routes/embeddings.ts";
import { healthRoutes } from "./routes/health.ts";
import { modelRoutes } from "./routes/models.ts";
import { tokenRoutes } from "./routes/tokens.ts";

/** Of what comes in. */
export interface ServerLimits {
  /** Largest body of a request. Default 4 MiB. */
  readonly bodyBytes?: number | undefined;
  /** Longest time for a whole request to come in. Default 30 s. */
  readonly receiveMs?: number | undefined;
}

/** What a server is made of. */
export interface ServerParts {
  readonly backend: Backend;
  /** Of this program, for the OpenAPI document. */
  readonly version: string;
  readonly limits?: ServerLimits;
  /** Told of what went wrong inside: clients do not get to see its particulars. */
  readonly report: (error: unknown) => void;
  /** Proxies whose word on the client's address is taken. */
  readonly trustProxy?: readonly string[] | undefined;
  /** Origins of pages that may use the server; `*`: all. */
  readonly origins?: readonly string[] | undefined;
  readonly guards?: Guards | undefined;
  readonly monitor?: Monitor | undefined;
  /** Told of the end of every request. */
  readonly listeners?: readonly OnRequestEnd[] | undefined;
}

const MAX_BODY_BYTES = 4 * 1024 * 1024;
const RECEIVE_MS = 30_000;
/** How often connections are looked at for requests that take too long. */
const CHECK_MS = 5_000;
const KEEP_ALIVE_MS = 65_000; // above the minute that load balancers keep theirs
const MAX_PARAM_CHARS = 256;
const PREFLIGHT_S = 600;

/** The HTTP side: routes, and in front of them what every request passes. Nothing listens yet. */
export async function createApp(parts: ServerParts): Promise<FastifyInstance> {
  const { report, version, limits = {}, guards, monitor, listeners = [], trustProxy = [] } = parts;
  const receiveMs = limits.receiveMs ?? RECEIVE_MS;
  const app = Fastify({
    trustProxy: trustProxy.length > 0 && [...trustProxy],
    bodyLimit: limits.bodyBytes ?? MAX_BODY_BYTES,
    requestTimeout: receiveMs,
    http: { ...HTTP_OPTIONS, connectionsCheckingInterval: Math.min(CHECK_MS, receiveMs) },
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: "idle",
    return503OnClosing: false, // the routes say that, as an error of ours
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allowUnionTypes: true } },
    genReqId: () => `req_${randomUUID().replaceAll("-", "")}`,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, _request, reply) => void sendError(reply, error, report),
  });
  app.setErrorHandler((error, _request, reply) => sendError(reply, error, report));
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.server.headersTimeout = receiveMs; // Node would wait for the longer of the two
  closeConnectionsAtEnd(app);
  addBodyParser(app);
  addClients(app);
  addRecords(app, [...(monitor?.listeners ?? []), ...listeners]);
  addProtocol(app);
  await app.register(helmet, SECURITY_HEADERS);
  await allowOrigins(app, parts.origins ?? []);
  if (guards) addGuards(app, guards);
  await app.register(swagger, {
    openapi: { openapi: "3.1.0", info: { title: "bitnet serve", version } },
  });
  healthRoutes(app, parts);
  modelRoutes(app, parts);
  chatRoutes(app, parts);
  completionRoutes(app, parts);
  embeddingRoutes(app, parts);
  tokenRoutes(app, parts);
  batchRoutes(app, parts);
  pageRoutes(app);
  if (monitor) monitorRoutes(app, monitor);
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
  return app;
}

/** Pages of other origins get no answers unless they are let in here. Browsers ask beforehand, without
 *  the key that the request itself will have. */
async function allowOrigins(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  await app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: ["GET", "POST"],
    exposedHeaders: ["retry-after", REQUEST_ID],
    maxAge: PREFLIGHT_S,
  });
}
