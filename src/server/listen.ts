import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { UsageError } from "../errors.ts";

export interface Address {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** Lets the app answer at an address; gives the one that it got.
 *  @throws {UsageError} an address or port that cannot be had */
export async function listen(app: FastifyInstance, { host, port }: Address): Promise<Address> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw refusal(error as NodeJS.ErrnoException, { host, port });
  }
  return { host, port: (app.server.address() as AddressInfo).port };
}

export function urlOf({ host, port }: Address): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function refusal(cause: NodeJS.ErrnoException, { host, port }: Address): Error {
  switch (cause.code) {
    case "EADDRINUSE":
      return new UsageError(`port ${port} of ${host} is in use by another program`, {
        hint: "choose another with --port; --port 0 takes a free one",
        cause,
      });
    case "EACCES":
      return new UsageError(`port ${port} needs rights that this user does not have`, {
        hint: "choose one of 1024 or above with --port",
        cause,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new UsageError(`${host} is no address of this machine`, {
        hint: "--host 127.0.0.1 is for this machine alone, --host 0.0.0.0 for all",
        cause,
      });
    default:
      return cause;
  }
}
