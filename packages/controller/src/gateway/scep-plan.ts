/** A node's question for a certificate authority as one over HTTP, and what came back as an answer. Pure. */
import { create } from "@bufbuild/protobuf";
import { type scep, scepProxy } from "@selvedge/eve-api";

/** One question for an authority. */
export interface ScepAsk {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  /** PEM of certificates by which it is believed besides the usual ones. */
  readonly roots: readonly string[];
}

export interface ScepHeard {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

const { SCEPOperation: Operation, HTTPMethod: Method } = scepProxy;

const operations: Readonly<Record<number, string>> = {
  [Operation.SCEP_OPERATION_GET_CA_CAPS]: "GetCACaps",
  [Operation.SCEP_OPERATION_GET_CA_CERT]: "GetCACert",
  [Operation.SCEP_OPERATION_GET_NEXT_CA_CERT]: "GetNextCACert",
  [Operation.SCEP_OPERATION_PKI_MESSAGE]: "PKIOperation",
};

/** All that a node may say of itself to an authority: a header could also be an order to what is before it. */
const headersTaken: ReadonlySet<string> = new Set(["accept", "content-type"]);
const headersGiven: ReadonlySet<string> = new Set(["content-type", "retry-after"]);
/** Servers take no longer address. */
const addressMax = 8 * 1024;
const headerMax = 256;

/** The question, or why it cannot be asked. */
export function scepAsk(
  { operation, message, httpMethod, httpHeaderFields }: scepProxy.SCEPProxyRequest,
  { scepUrl, caCertPem }: scep.SCEPProfile,
): ScepAsk | string {
  const word = operations[operation];
  if (word === undefined) return `operation ${operation} is not known`;
  const isPost = httpMethod === Method.HTTP_METHOD_POST;
  if (isPost && operation !== Operation.SCEP_OPERATION_PKI_MESSAGE) return `${word} is asked by GET`;
  const url = new URL(scepUrl);
  url.searchParams.set("operation", word);
  if (!isPost && message.length > 0) url.searchParams.set("message", Buffer.from(message).toString("base64"));
  if (url.href.length > addressMax) return "the message is too long for GET: send it by POST";
  const said = httpHeaderFields.flatMap(({ name, value }): [string, string][] => {
    const isFit = headersTaken.has(name.toLowerCase()) && value.length <= headerMax && !/[^ -~]/.test(value);
    return isFit ? [[name.toLowerCase(), value]] : [];
  });
  const posted = isPost ? { "content-type": "application/x-pki-message" } : {};
  return {
    ...{ url, method: isPost ? "POST" : "GET", body: isPost ? message : undefined },
    headers: { ...Object.fromEntries(said), ...posted },
    roots: caCertPem.map((pem) => new TextDecoder().decode(pem)),
  };
}

export function scepAnswer(
  { scepProfileName, operation }: scepProxy.SCEPProxyRequest,
  { status, headers, body }: ScepHeard,
): scepProxy.SCEPProxyResponse {
  const isError = status >= 400;
  return create(scepProxy.SCEPProxyResponseSchema, {
    ...{ scepProfileName, operation, httpStatusCode: status },
    ...(isError ? { errorBody: body } : { message: body }),
    httpHeaderFields: headers
      .filter(([name]) => headersGiven.has(name.toLowerCase()))
      .map(([name, value]) => ({ name, value: value.slice(0, headerMax) })),
  });
}
