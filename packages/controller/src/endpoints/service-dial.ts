/**
 * Connections to what is behind Services, for what this program itself asks of them: to apps by the links of their
 * nodes, to addresses that are no apps of ours directly.
 */
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Answer, type DialService, openBackend, StatusError } from "@selvedge/apiserver";
import type { Random } from "@selvedge/base";
import type { Duty } from "../duty.ts";
import { plainProtocol, type ServicePort } from "../replicas/forwarding.ts";
import type { DialOutside } from "./outside-dial.ts";
import { isPod, type ServiceBackendParts, serviceBackend, servicePlace } from "./service-backend.ts";

export interface Ways {
  readonly random: Random;
  /** Without it there is no way but to apps. */
  readonly outside?: DialOutside | undefined;
}

/** Whoever does not lead goes through the replica that does. */
export function serviceDial(duty: () => Duty | undefined, ways: Ways): DialService {
  return async (service, signal) => {
    const { leading, forwarding } = duty() ?? {};
    if (leading !== undefined) return await openService(leading.controller, service, ways, signal);
    if (forwarding !== undefined) return await forwarding.openService(service, signal);
    throw new StatusError(
      503,
      "ServiceUnavailable",
      "the controller is about to start; try again in a few seconds",
    );
  };
}

type Parts = Pick<NonNullable<Duty["leading"]>["controller"], "caches" | "streams">;

async function openService(
  { caches, streams }: Parts,
  { namespace, name, port }: ServicePort,
  { random, outside }: Ways,
  signal: AbortSignal,
): Promise<Duplex> {
  const asked = { scheme: "https", name, port: `${port}` } as const;
  const parts: ServiceBackendParts = { ...caches, random };
  if (outside === undefined)
    return await openBackend(serviceBackend(namespace, asked, parts), streams, signal);
  const place = servicePlace(namespace, asked, parts);
  return isPod(place) ? await openBackend(place, streams, signal) : await outside(place, signal);
}

/** Answers another replica that wants such a connection, with nothing but the connection. */
export async function servePlain(
  parts: Parts,
  service: ServicePort,
  { socket, head }: Extract<Answer, { type: "upgrade" }>,
  ways: Ways,
): Promise<void> {
  const stop = new AbortController();
  socket.once("close", () => stop.abort(new Error("the replica is gone")));
  const app = await openService(parts, service, ways, stop.signal);
  const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", `Upgrade: ${plainProtocol}`];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  app.write(head);
  await Promise.allSettled([pipeline(socket, app), pipeline(app, socket)]);
}
