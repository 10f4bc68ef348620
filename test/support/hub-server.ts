import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, onTestFinished } from "vitest";

/** A repository of the hub. */
export interface HubRepo {
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  /** Branches and tags. Default: main. */
  readonly revisions?: readonly string[];
  /** Files are given only to this token; "gated" names the conditions as the reason. */
  readonly token?: string;
  readonly gated?: boolean;
}

/** What is asked for: a document of the API, an address of a file, or the bytes of a large one. */
export type Door = "api" | "resolve" | "bytes";

/** Something that goes wrong, once for each of `times`. */
export interface Fault {
  readonly at: Door;
  /** Part of the URL. */
  readonly url?: string;
  readonly times?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is cut after so many bytes of the body. */
  readonly cutAfter?: number;
  /** One bit of the body is wrong. */
  readonly corrupt?: boolean;
  readonly ignoreRange?: boolean;
  /** What the API says instead. */
  readonly answer?: unknown;
}

export interface SeenRequest {
  readonly door: Door;
  readonly url: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  /** Of the body that was sent, so far. */
  sentBytes: number;
}

export interface HubServer {
  readonly endpoint: string;
  readonly requests: SeenRequest[];
  /** Environment in which the command line uses this hub and the cache folder `home`. */
  env(home: string): Record<string, string>;
  addFaults(...faults: Fault[]): void;
  /** Bytes of large files are sent in pieces of 16 KiB with a pause after each. */
  pauseMs: number;
}

const FILES_PER_PAGE = 2;
const PIECE_BYTES = 16 * 1024;
const LARGE = /\.(gguf|safetensors)$/;

/** A hub on this machine, on two ports: large files are on another host than the API, as on the real
 *  one. Stopped after the present test. */
export async function startHub(repos: Readonly<Record<string, HubRepo>>): Promise<HubServer> {
  const hub = await openHub(repos);
  onTestFinished(hub.close);
  return hub;
}

/** The same for all tests of a file. */
export async function startSuiteHub(repos: Readonly<Record<string, HubRepo>>): Promise<HubServer> {
  const hub = await openHub(repos);
  afterAll(hub.close);
  return hub;
}

async function openHub(
  repos: Readonly<Record<string, HubRepo>>,
): Promise<HubServer & { close: () => Promise<void> }> {
  const faults: { fault: Fault; left: number }[] = [];
  const requests: SeenRequest[] = [];
  const options = { pauseMs: 0 };

  const takeFault = (door: Door, url: string): Fault | undefined => {
    const found = faults.find(
      ({ fault, left }) => left > 0 && fault.at === door && url.includes(fault.url ?? ""),
    );
    if (found) found.left -= 1;
    return found?.fault;
  };
  const serve =
    (door: (url: URL) => Door, answer: Answer) =>
    async (request: IncomingMessage, response: ServerResponse) => {
      const url = new URL(request.url ?? "/", "http://localhost");
      const { range, authorization } = request.headers;
      const seen: SeenRequest = {
        door: door(url),
        url: url.pathname,
        range,
        authorization,
        sentBytes: 0,
      };
      requests.push(seen);
      const fault = takeFault(seen.door, url.pathname);
      if (fault?.status !== undefined)
        return void response.writeHead(fault.status, fault.headers).end();
      await answer(url, request, new Sender(response, seen, fault ?? { at: seen.door }, options));
    };
  const files = await listen(createServer(serve(() => "bytes", giveBytes(repos))));
  const api = await listen(
    createServer(
      serve(
        ({ pathname }) => (pathname.startsWith("/api/") ? "api" : "resolve"),
        giveApi(repos, () => api.url, files.url),
      ),
    ),
  );
  return {
    endpoint: api.url,
    requests,
    env: (home) => ({ HF_ENDPOINT: api.url, HF_HOME: home, XDG_CACHE_HOME: `${home}/xdg` }),
    addFaults: (...more) => {
      faults.push(...more.map((fault) => ({ fault, left: fault.times ?? 1 })));
    },
    get pauseMs() {
      return options.pauseMs;
    },
    set pauseMs(ms) {
      options.pauseMs = ms;
    },
    close: async () => {
      await Promise.all([api.close(), files.close()]);
    },
  };
}

type Answer = (url: URL, request: IncomingMessage, to: Sender) => Promise<void>;
type Repos = Readonly<Record<string, HubRepo>>;

const API = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/;
const FILE = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/;

function giveApi(repos: Repos, self: () => string, files: string): Answer {
  return async (url, request, to) => {
    const [, name = "", what, rev = ""] =
      API.exec(url.pathname) ?? FILE.exec(url.pathname)?.toSpliced(2, 0, "") ?? [];
    const [, , , path = ""] = FILE.exec(url.pathname) ?? [];
    const repo = repos[name];
    if (!repo) return to.refuse(401, "RepoNotFound");
    const commit = commitOf(name, repo);
    const known = [commit, ...(repo.revisions ?? ["main"])].includes(decodeURIComponent(rev));
    if (!known) return to.refuse(404, "RevisionNotFound");
    if (what === "revision")
      return to.json({ _id: "0", id: name, sha: commit, lastModified: "2026-01-01T00:00:00Z" });
    if (what === "tree") return givePage(url, self(), repo, to);
    if (repo.token && request.headers.authorization !== `Bearer ${repo.token}`) {
      return to.refuse(repo.gated ? 403 : 401, repo.gated ? "GatedRepo" : "");
    }
    const body = bytesOf(repo, decodeURIComponent(path));
    if (!body) return to.refuse(404, "EntryNotFound");
    if (LARGE.test(path)) return to.redirect(`${files}/${name}/${path}`);
    return to.bytes(body, request.headers.range);
  };
}

function giveBytes(repos: Repos): Answer {
  return async (url, request, to) => {
    const [, org, name, ...path] = url.pathname.split("/");
    const body = bytesOf(repos[`${org}/${name}`], path.join("/"));
    if (!body) return to.refuse(404, "");
    return to.bytes(body, request.headers.range);
  };
}

async function givePage(url: URL, self: string, repo: HubRepo, to: Sender): Promise<void> {
  const all = Object.entries(repo.files).map(([path]) => entryOf(repo, path));
  const from = Number(url.searchParams.get("cursor") ?? 0);
  const page = all.slice(from, from + FILES_PER_PAGE);
  const next = new URL(url.pathname + url.search, self);
  next.searchParams.set("cursor", String(from + FILES_PER_PAGE));
  const link = from + FILES_PER_PAGE < all.length ? { link: `<${next.href}>; rel="next"` } : {};
  return to.json(page, link);
}

function entryOf(repo: HubRepo, path: string) {
  const body = bytesOf(repo, path) ?? Buffer.alloc(0);
  const oid = gitHash(body);
  const lfs = { oid: sha256(body), size: body.length, pointerSize: 130 };
  return { type: "file", path, size: body.length, oid, ...(LARGE.test(path) && { lfs }) };
}

/** Writes answers, and makes the faults. */
class Sender {
  readonly #response: ServerResponse;
  readonly #seen: SeenRequest;
  readonly #fault: Fault;
  readonly #options: { readonly pauseMs: number };

  constructor(
    response: ServerResponse,
    seen: SeenRequest,
    fault: Fault,
    options: { pauseMs: number },
  ) {
    this.#response = response;
    this.#seen = seen;
    this.#fault = fault;
    this.#options = options;
  }

  async json(value: unknown, headers: Record<string, string> = {}): Promise<void> {
    const text = JSON.stringify(this.#fault.answer ?? value);
    const length = String(Buffer.byteLength(text));
    this.#response.writeHead(200, {
      "content-type": "application/json",
      "content-length": length,
      ...headers,
    });
    const { cutAfter } = this.#fault;
    if (cutAfter === undefined) return void this.#response.end(text);
    this.#response.write(text.slice(0, cutAfter), () => this.#response.destroy());
  }

  async refuse(status: number, code: string): Promise<void> {
    this.#response.writeHead(status, code === "" ? {} : { "x-error-code": code }).end();
  }

  async redirect(location: string): Promise<void> {
    this.#response.writeHead(302, { location }).end();
  }

  async bytes(whole: Buffer, range: string | undefined): Promise<void> {
    const from = this.#fault.ignoreRange ? 0 : Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    if (from >= whole.length && from > 0) return void this.#response.writeHead(416).end();
    const body = Buffer.from(whole.subarray(from));
    if (this.#fault.corrupt && body.length > 0) body[0] = (body[0] ?? 0) ^ 1;
    const partial = range !== undefined && !this.#fault.ignoreRange;
    this.#response.writeHead(partial ? 206 : 200, {
      "content-length": String(body.length),
      ...(partial && { "content-range": `bytes ${from}-${whole.length - 1}/${whole.length}` }),
    });
    await this.#send(body.subarray(0, this.#fault.cutAfter ?? body.length));
    if (this.#fault.cutAfter === undefined) this.#response.end();
    else this.#response.destroy();
  }

  async #send(body: Buffer): Promise<void> {
    for (let at = 0; at < body.length; at += PIECE_BYTES) {
      if (this.#response.destroyed) return;
      const piece = body.subarray(at, at + PIECE_BYTES);
      await new Promise<void>((resolve) => this.#response.write(piece, () => resolve()));
      this.#seen.sentBytes += piece.length;
      if (this.#options.pauseMs > 0) await sleep(this.#options.pauseMs);
    }
  }
}

function bytesOf(repo: HubRepo | undefined, path: string): Buffer | undefined {
  const body = repo?.files[path];
  return body === undefined ? undefined : Buffer.from(body);
}

/** The commit that every revision of a repository stands for. */
export function commitOf(name: string, repo: HubRepo): string {
  return createHash("sha1").update(name).update(Object.keys(repo.files).join()).digest("hex");
}

export function sha256(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

function gitHash(body: Uint8Array): string {
  return createHash("sha1").update(`blob ${body.length}\0`).update(body).digest("hex");
}

async function listen(server: Server): Promise<{ url: string; close: () => Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${port}`, close };
}
