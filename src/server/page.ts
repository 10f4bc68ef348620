import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

const FOLDER = fileURLToPath(new URL("../../web/", import.meta.url));
const START = "index.html";

/** What is served; all else in the folder stays there. */
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface PageFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzipped: Buffer;
  readonly tag: string;
}

/** The chat page. Its files are read here, once: a request names one of these routes or nothing. */
export function pageRoutes(app: FastifyInstance): void {
  for (const name of fileNames()) {
    const file = readFile(name);
    const url = name === START ? "/" : `/web/${name}`;
    // Open to all: the page asks for the key, where one is needed.
    const options = { schema: { hide: true }, config: { public: true } } as const;
    app.get(url, options, async (request, reply) => send(request, reply, file));
  }
}

function fileNames(): readonly string[] {
  const names = readdirSync(FOLDER, { recursive: true, encoding: "utf8" });
  return names.map((name) => name.replaceAll("\\", "/")).filter((name) => extname(name) in TYPES);
}

function readFile(name: string): PageFile {
  const plain = readFileSync(FOLDER + name);
  const hash = createHash("sha256").update(plain).digest("base64url");
  const type = TYPES[extname(name)] ?? "";
  return { type, plain, gzipped: gzipSync(plain), tag: `"${hash}"` };
}

function send(request: FastifyRequest, reply: FastifyReply, file: PageFile): FastifyReply {
  reply.headers({
    etag: file.tag,
    // Kept, but asked for each time: a new version of the server has a new page.
    "cache-control": "no-cache",
    vary: "accept-encoding",
  });
  if (request.headers["if-none-match"]?.includes(file.tag)) return reply.code(304).send();
  reply.type(file.type);
  if (!/\bgzip\b/.test(request.headers["accept-encoding"] ?? "")) return reply.send(file.plain);
  return reply.header("content-encoding", "gzip").send(file.gzipped);
}
