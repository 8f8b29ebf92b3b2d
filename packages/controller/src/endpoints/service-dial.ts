/** Connections to the apps behind Services, for what this program itself asks of them: by the links of their nodes. */
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Answer, type DialService, openBackend, StatusError } from "@selvedge/apiserver";
import type { Random } from "@selvedge/base";
import type { Duty } from "../duty.ts";
import { plainProtocol, type ServicePort } from "../replicas/forwarding.ts";
import { serviceBackend } from "./service-backend.ts";

/** Whoever does not lead goes through the replica that does. */
export function serviceDial(duty: () => Duty | undefined, random: Random): DialService {
  return async (service, signal) => {
    const { leading, forwarding } = duty() ?? {};
    if (leading !== undefined) return await openService(leading.controller, service, random, signal);
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
  random: Random,
  signal: AbortSignal,
): Promise<Duplex> {
  const asked = { scheme: "https", name, port: `${port}` } as const;
  return await openBackend(serviceBackend(namespace, asked, { ...caches, random }), streams, signal);
}

/** Answers another replica that wants such a connection, with nothing but the connection. */
export async function servePlain(
  parts: Parts,
  service: ServicePort,
  { socket, head }: Extract<Answer, { type: "upgrade" }>,
  random: Random,
): Promise<void> {
  const stop = new AbortController();
  socket.once("close", () => stop.abort(new Error("the replica is gone")));
  const app = await openService(parts, service, random, stop.signal);
  const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", `Upgrade: ${plainProtocol}`];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  app.write(head);
  await Promise.allSettled([pipeline(socket, app), pipeline(app, socket)]);
}
