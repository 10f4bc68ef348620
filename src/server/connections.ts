import type { FastifyInstance } from "fastify";

/** Closes every connection when the app is closed and the last request has its answer: connections that
 *  are kept alive, or on which nothing ever came, would keep it from ending. */
export function closeConnectionsAtEnd(app: FastifyInstance): void {
  let running = 0;
  let isClosing = false;
  const closeIfDone = () => {
    if (isClosing && running === 0) app.server.closeAllConnections();
  };
  app.addHook("onRequest", async (_request, reply) => {
    running += 1;
    reply.raw.once("close", () => {
      running -= 1;
      setImmediate(closeIfDone); // what was sent last leaves first
    });
  });
  app.addHook("preClose", async () => {
    isClosing = true;
    setImmediate(closeIfDone);
  });
}
