import type { RequestOptions } from "node:https";
import type { ProxySpec } from "../port-spec.ts";
import { asksProxy } from "../proxy-choice.ts";

const https: typeof import("node:https") = process.getBuiltinModule("node:https");
const http: typeof import("node:http") = process.getBuiltinModule("node:http");

/** Resolves when the controller can be spoken to from an address of the node; how long it has the signal says. */
export type ControllerProbe = (
  address: string,
  proxy: ProxySpec | undefined,
  signal: AbortSignal,
) => Promise<void>;

/**
 * Asks the controller for a sign of life, or the proxy in between for a way to it. Any answer will do: that
 * there is one shows that the way leads there, and who answers is looked at when it matters.
 */
export function controllerProbe(baseUrl: string, certificates: readonly string[]): ControllerProbe {
  const url = new URL("/api/v2/edgedevice/ping", baseUrl);
  return (address, proxy, signal) =>
    new Promise((resolve, reject) => {
      const common: RequestOptions = {
        ...{ localAddress: address, family: address.includes(":") ? 6 : 4 },
        ...{ signal, agent: false },
      };
      const roots = [...certificates, ...(proxy?.certificates ?? [])];
      const server = asksProxy(proxy, url.hostname) ? proxy.server : undefined;
      const request =
        server !== undefined
          ? http.request(server.startsWith("http") ? server : `http://${server}`, {
              ...{ ...common, method: "CONNECT", path: `${url.hostname}:${url.port || 443}` },
            })
          : url.protocol === "http:"
            ? http.request(url, common)
            : https.request(url, { ...common, ...(certificates.length === 0 ? {} : { ca: roots }) });
      request.once("error", reject);
      request.once("response", (response) => {
        response.resume();
        resolve();
      });
      request.once("connect", ({ statusCode }, socket) => {
        socket.destroy();
        if (statusCode === 200) resolve();
        else reject(new Error(`proxy ${server} answers ${statusCode}`));
      });
      request.end();
    });
}
