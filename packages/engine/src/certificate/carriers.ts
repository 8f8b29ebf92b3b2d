/** Takes what a node says to a certificate authority there: by itself, or by its controller. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { scepProxy } from "@selvedge/eve-api";
import { type HttpClient, readBody } from "../host/http.ts";
import type { CertificateSpec } from "./certificate-spec.ts";
import type { ScepCarrier, ScepOperation } from "./scep-client.ts";
import { ScepError } from "./scep-message.ts";

const { SCEPOperation: Operation, HTTPMethod: Method } = scepProxy;
const operations: Readonly<Record<ScepOperation, scepProxy.SCEPOperation>> = {
  GetCACaps: Operation.SCEP_OPERATION_GET_CA_CAPS,
  GetCACert: Operation.SCEP_OPERATION_GET_CA_CERT,
  PKIOperation: Operation.SCEP_OPERATION_PKI_MESSAGE,
};
const timeoutMs = 30_000;
/** A bag of certificates is a few of these kilobytes. */
const answerMax = 2 ** 20;
/** Of what an authority says of its refusal. */
const saidMax = 200;
const messageType = "application/x-pki-message";

export interface CarrierParts {
  readonly http: HttpClient;
  /** Posts a question to the controller, which asks for us; resolves with its answer. */
  readonly askController: (payload: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
}

export function scepCarrier({ http, askController }: CarrierParts): ScepCarrier {
  return {
    async ask(spec, operation, message, signal) {
      return spec.throughController
        ? await byController(askController, spec, operation, message, signal)
        : await directly(http, spec, operation, message, signal);
    },
  };
}

async function directly(
  http: HttpClient,
  { url, roots }: CertificateSpec,
  operation: ScepOperation,
  message: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const at = new URL(url);
  at.searchParams.set("operation", operation);
  const response = await http.send({
    ...{ url: at.href, method: message === undefined ? "GET" : "POST", timeoutMs, signal },
    ...{ certificates: roots, systemRoots: true },
    ...(message === undefined ? {} : { body: message, headers: { "content-type": messageType } }),
  });
  return judged(operation, response.status, await readBody(response, answerMax));
}

async function byController(
  askController: CarrierParts["askController"],
  { name }: CertificateSpec,
  operation: ScepOperation,
  message: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const request = create(scepProxy.SCEPProxyRequestSchema, {
    ...{ scepProfileName: name, operation: operations[operation] },
    ...(message === undefined
      ? { httpMethod: Method.HTTP_METHOD_GET }
      : {
          ...{ httpMethod: Method.HTTP_METHOD_POST, message: new Uint8Array(message) },
          httpHeaderFields: [{ name: "content-type", value: messageType }],
        }),
  });
  const answer = await askController(toBinary(scepProxy.SCEPProxyRequestSchema, request), signal);
  const said = fromBinary(scepProxy.SCEPProxyResponseSchema, answer);
  const body = said.message.length > 0 ? said.message : said.errorBody;
  return judged(operation, said.httpStatusCode, body);
}

function judged(operation: ScepOperation, status: number, body: Uint8Array): Uint8Array {
  if (status === 200) return body;
  const said = new TextDecoder().decode(body.subarray(0, saidMax)).trim();
  throw new ScepError(`the authority answers ${operation} with ${status}${said === "" ? "" : `: ${said}`}`);
}
