import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { scepProxy } from "@selvedge/eve-api";
import type { HttpRequest } from "../host/http.ts";
import { scepCarrier } from "./carriers.ts";
import type { CertificateSpec } from "./certificate-spec.ts";

const spec = {
  name: "plant",
  url: "http://ca/scep?profile=box",
  roots: ["PEM"],
} as unknown as CertificateSpec;
const message = new Uint8Array([1, 2]);
const { signal } = new AbortController();
const nobody = async (): Promise<never> => assert.fail("the other way is meant");

describe("what is said to an authority", () => {
  it("goes there itself, by the profile's address and believed by its certificates", async () => {
    const sent: HttpRequest[] = [];
    const http = {
      send: async (request: HttpRequest) => {
        sent.push(request);
        const body = (async function* () {
          yield message;
        })();
        return { status: sent.length > 2 ? 500 : 200, headers: {}, body };
      },
    };
    const carrier = scepCarrier({ http, askController: nobody });
    assert.deepEqual(await carrier.ask(spec, "GetCACert", undefined, signal), message);
    await carrier.ask(spec, "PKIOperation", message, signal);
    assert.deepEqual(
      sent.map(({ method, url, certificates, body }) => [method, url, certificates, body]),
      [
        ["GET", "http://ca/scep?profile=box&operation=GetCACert", ["PEM"], undefined],
        ["POST", "http://ca/scep?profile=box&operation=PKIOperation", ["PEM"], message],
      ],
    );
    await assert.rejects(carrier.ask(spec, "GetCACaps", undefined, signal), /answers GetCACaps with 500/);
  });

  it("goes by the controller where the profile says so, which is told the profile and no address", async () => {
    const asked: scepProxy.SCEPProxyRequest[] = [];
    const answers: MessageInitShape<typeof scepProxy.SCEPProxyResponseSchema>[] = [
      { httpStatusCode: 200, message },
      { httpStatusCode: 403, errorBody: new TextEncoder().encode("wrong challenge") },
    ];
    const http = { send: nobody };
    const askController = async (payload: Uint8Array): Promise<Uint8Array> => {
      const answer = create(scepProxy.SCEPProxyResponseSchema, answers[asked.length]);
      asked.push(fromBinary(scepProxy.SCEPProxyRequestSchema, payload));
      return toBinary(scepProxy.SCEPProxyResponseSchema, answer);
    };
    const carrier = scepCarrier({ http, askController });
    const through = { ...spec, throughController: true };
    assert.deepEqual(await carrier.ask(through, "GetCACaps", undefined, signal), message);
    await assert.rejects(carrier.ask(through, "PKIOperation", message, signal), /with 403: wrong challenge/);
    assert.deepEqual(
      asked.map((it) => [it.scepProfileName, it.operation, it.httpMethod, it.message.length]),
      [
        ["plant", scepProxy.SCEPOperation.SCEP_OPERATION_GET_CA_CAPS, 1, 0],
        ["plant", scepProxy.SCEPOperation.SCEP_OPERATION_PKI_MESSAGE, 2, 2],
      ],
    );
    assert(!JSON.stringify(asked.map(({ httpHeaderFields }) => httpHeaderFields)).includes("http://ca"));
  });
});
