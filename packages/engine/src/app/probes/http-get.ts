import { request as httpsRequest } from "node:https";
import { connect as tlsConnect } from "node:tls";
import { describeError } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import { request as httpRequest } from "../../host/linux/plain-http.ts";
import { type ActionResult, type ActionTarget, addressOf } from "./action-target.ts";
import { guestDuplex } from "./guest-duplex.ts";

/** As Go's client, and so kubelet, has it. */
const redirectsMax = 10;

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
}

/**
 * 2xx and 3xx are success; nobody's certificate is checked, as Kubernetes does. It follows what leads elsewhere
 * in the app, not what leads out of it.
 */
export async function getHttp(
  action: ext.HttpGetAction,
  target: ActionTarget,
  signal: AbortSignal,
): Promise<ActionResult> {
  const host = action.host || target.podIp || "localhost";
  const scheme = action.scheme.toLowerCase() === "https" ? "https" : "http";
  let url = urlOf(action.path || "/", `${scheme}://${host}:${action.port}`);
  for (let followed = 0; followed <= redirectsMax; followed++) {
    let answer: Answer;
    try {
      answer = await ask(url, action, target, signal);
    } catch (error) {
      return { ok: false, message: describeError(error) };
    }
    const { status, location } = answer;
    if (status < 200 || status >= 400)
      return { ok: false, message: `HTTP probe failed with statuscode: ${status}` };
    if (status < 300 || location === undefined) return { ok: true };
    const next = urlOf(location, url.href);
    if (next.hostname !== url.hostname) {
      return { ok: true, warning: `Probe terminated redirects, it leads to ${next.hostname}` };
    }
    url = next;
  }
  return { ok: false, message: `stopped after ${redirectsMax} redirects` };
}

/** What is no address leads nowhere, and fails as a request to it would. */
function urlOf(text: string, base: string): URL {
  return URL.canParse(text, base) ? new URL(text, base) : new URL(base);
}

function ask(
  url: URL,
  action: ext.HttpGetAction,
  target: ActionTarget,
  signal: AbortSignal,
): Promise<Answer> {
  const secure = url.protocol === "https:";
  const port = Number(url.port) || (secure ? 443 : 80);
  const raw = guestDuplex(target.guest.dial(port, addressOf(action.host, target)));
  const headers = new Map([
    ["host", url.host],
    ["user-agent", "kube-probe/1.34"],
    ["accept", "*/*"],
    ["connection", "close"],
    ...action.headers.map(({ name, value }): [string, string] => [name.toLowerCase(), value]),
  ]);
  return new Promise((resolve, reject) => {
    const send = secure ? httpsRequest : httpRequest;
    const request = send(
      {
        path: `${url.pathname}${url.search}`,
        headers: Object.fromEntries(headers),
        signal,
        createConnection: () => (secure ? tlsConnect({ socket: raw, rejectUnauthorized: false }) : raw),
      },
      (response) => {
        response.destroy();
        raw.destroy();
        resolve({ status: response.statusCode ?? 0, location: response.headers.location });
      },
    );
    request.on("error", (error) => {
      raw.destroy();
      reject(error);
    });
    request.end();
  });
}
