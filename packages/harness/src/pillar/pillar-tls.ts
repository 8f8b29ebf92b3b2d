/** A device's own connections: a new one for each request, as EVE makes them, with the session of the one before. */
import { request } from "node:https";
import type { Wire } from "./pillar-connection.ts";

export interface TlsTally {
  connections: number;
  resumed: number;
}

export interface PillarTlsOptions {
  readonly host: string;
  readonly port: number;
  readonly root: string;
}

const requestMs = 60_000;
/** All that EVE offers below TLS 1.3. */
const ciphers = [
  ...["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
  ...["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"],
].join(":");

export function tlsWire({ host, port, root }: PillarTlsOptions): {
  readonly wire: Wire;
  readonly tally: TlsTally;
} {
  const tally: TlsTally = { connections: 0, resumed: 0 };
  let session: Buffer | undefined;
  const wire: Wire = (method, path, headers, body) =>
    new Promise((resolve, reject) => {
      const options = {
        host,
        port,
        ca: root,
        method,
        path,
        agent: false as const,
        ciphers,
        timeout: requestMs,
      };
      const outgoing = request(
        { ...options, headers: { ...headers }, ...(session && { session }), minVersion: "TLSv1.2" },
        (incoming) => {
          const parts: Buffer[] = [];
          incoming.on("data", (part: Buffer) => parts.push(part)).on("error", reject);
          incoming.on("end", () => {
            const { statusCode: status = 0 } = incoming;
            const all = new Uint8Array(Buffer.concat(parts));
            resolve({ status, headers: incoming.headers as Record<string, string>, body: all });
          });
        },
      );
      outgoing.on("socket", (socket) => {
        socket.on("session", (given: Buffer) => {
          session = given;
        });
        socket.once("secureConnect", () => {
          tally.connections++;
          if ("isSessionReused" in socket && (socket as { isSessionReused(): boolean }).isSessionReused()) {
            tally.resumed++;
          }
        });
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error("no answer")));
      outgoing.on("error", reject).end(body);
    });
  return { wire, tally };
}
