import type { RequestOptions } from "node:https";

const https: typeof import("node:https") = process.getBuiltinModule("node:https");
const http: typeof import("node:http") = process.getBuiltinModule("node:http");

/** For an answer; a port that is slower is of no use. */
const answerMs = 15_000;

/**
 * Asks the controller for a sign of life, from one of the node's addresses. Any answer will do: that there is
 * one shows that the way leads there, and who answers is looked at when it matters.
 */
export function controllerProbe(
  baseUrl: string,
  certificates: readonly string[],
): (address: string, signal: AbortSignal) => Promise<void> {
  const url = new URL("/api/v2/edgedevice/ping", baseUrl);
  return (address, signal) =>
    new Promise((resolve, reject) => {
      const options: RequestOptions = {
        ...{ localAddress: address, signal, timeout: answerMs, agent: false },
        ...(certificates.length === 0 ? {} : { ca: [...certificates] }),
      };
      const request = url.protocol === "http:" ? http.get(url, options) : https.get(url, options);
      request.once("timeout", () => request.destroy(new Error(`no answer in ${answerMs} ms`)));
      request.once("error", reject);
      request.once("response", (response) => {
        response.resume();
        resolve();
      });
    });
}
