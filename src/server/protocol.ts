import type { FastifyInstance } from "fastify";
import { ApiError } from "./api-error.ts";

/** For `createApp`: what Node would refuse without a word, the hooks of `addProtocol` refuse. */
export const HTTP_OPTIONS = { requireHostHeader: false } as const;

/** Refuses what HTTP does not allow, and answers where there is no route. To be called before routes are
 *  added. */
export function addProtocol(app: FastifyInstance): void {
  app.server.on("checkExpectation", (...request) => app.server.emit("request", ...request));
  app.addHook("onRequest", async ({ raw: { httpVersion, headers } }) => {
    if (headers.host === undefined && httpVersion !== "1.0") {
      throw new ApiError("INVALID_INPUT", "the field Host is missing", { code: "no_host" });
    }
    if (headers.expect !== undefined && headers.expect.toLowerCase() !== "100-continue") {
      throw new ApiError("INVALID_INPUT", "nothing but 100-continue can be expected", {
        status: 417,
        code: "expectation_failed",
      });
    }
  });
  addNotFound(app);
}

function addNotFound(app: FastifyInstance): void {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook("onRoute", ({ url, method }) => {
    if (!url.includes("*")) routes.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  app.setNotFoundHandler(({ method, url }, reply) => {
    const [path = ""] = url.split("?");
    const found = routes.filter(({ pattern }) => pattern.test(path));
    const allowed = [...new Set(found.flatMap(({ methods }) => methods))].join(", ");
    if (allowed === "") throw new ApiError("NOT_FOUND", `there is nothing at ${method} ${url}`);
    void reply.header("allow", allowed);
    throw new ApiError("INVALID_INPUT", `${path} is asked with ${allowed}, not with ${method}`, {
      status: 405,
      code: "method_not_allowed",
    });
  });
}

/** `/v1/models/:model` matches every model. */
function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.?+*()[\]{}|\\^$]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/:\w+/g, "[^/]+")}$`);
}
