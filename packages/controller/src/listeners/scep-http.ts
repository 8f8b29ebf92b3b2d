import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { rootCertificates } from "node:tls";
import type { ScepHeard } from "../gateway/scep-plan.ts";
import type { ScepHttp } from "../gateway/scep-proxy.ts";

/** As Adam has it; a chain of certificates is some kilobytes. */
const bodyMax = 2 * 1024 * 1024;

/** Asks authorities over the network. */
export const scepOverHttp: ScepHttp = ({ url, method, headers, body, roots }, signal) =>
  new Promise<ScepHeard>((resolve, reject) => {
    const isTls = url.protocol === "https:";
    const options = {
      ...{ method, signal, agent: false },
      headers: { ...headers, ...(body !== undefined && { "content-length": `${body.length}` }) },
      ...(isTls && roots.length > 0 && { ca: [...rootCertificates, ...roots] }),
    };
    const take = (answer: IncomingMessage): void => {
      readAll(answer).then(resolve, reject);
    };
    const request = isTls ? httpsRequest(url, options, take) : httpRequest(url, options, take);
    request.on("error", reject);
    request.end(body);
  });

async function readAll(answer: IncomingMessage): Promise<ScepHeard> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Leaving the loop ends the connection.
    if (length > bodyMax) throw new Error(`it answers with more than ${bodyMax} bytes`);
    chunks.push(chunk);
  }
  const { rawHeaders, statusCode: status = 0 } = answer;
  const headers = rawHeaders.flatMap((name, at): [string, string][] =>
    at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ""]] : [],
  );
  return { status, headers, body: new Uint8Array(Buffer.concat(chunks)) };
}
