/** A node asks a certificate authority through its controller, over real HTTP and TLS. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { instant, SystemRandom } from "@selvedge/base";
import { config, type scep, scepProxy } from "@selvedge/eve-api";
import { issue } from "../src/pki/issue.ts";
import type { DeviceResponse } from "../src/ports.ts";
import { Box, NodeWorld, payloadOf, selfSigned } from "./node-world.ts";

const { SCEPOperation: Operation, HTTPMethod: Method } = scepProxy;
const onboarding = await selfSigned("onboarding");
const authority = await selfSigned("plant authority");

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly type: string;
  readonly secret: string;
  readonly body: Buffer;
}

/** Speaks as much of SCEP as the way to it needs: what is in the messages is the two ends' own. */
class Authority implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly #server: Server;
  readonly #scheme: string;

  static async start(tls?: { readonly key: string; readonly cert: string }): Promise<Authority> {
    const made = new Authority(tls);
    await new Promise<void>((resolve) => void made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  private constructor(tls?: { readonly key: string; readonly cert: string }) {
    const listener: RequestListener = (request, response) => {
      void this.#answer(request).then(([status, type, body]) => {
        response.writeHead(status, {
          "content-type": type,
          location: "http://127.0.0.1:1/",
          "set-cookie": "a=b",
        });
        response.end(body);
      });
    };
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#scheme = tls === undefined ? "http" : "https";
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}/scep?profile=box`;
  }

  async #answer(request: IncomingMessage): Promise<[number, string, Uint8Array]> {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const { method = "", url = "", headers } = request;
    const secret = `${headers["authorization"] ?? ""}${headers["host"]?.includes("evil") ? "evil" : ""}`;
    this.asked.push({ method, url, type: headers["content-type"] ?? "", secret, body });
    const query = new URL(url, this.url).searchParams;
    switch (query.get("operation")) {
      case "GetCACaps":
        return [200, "text/plain", Buffer.from("POSTPKIOperation\nSHA-256\n")];
      case "GetCACert":
        return [200, "application/x-x509-ca-cert", authority.certificate.raw];
      case "GetNextCACert":
        return [302, "text/plain", Buffer.from("elsewhere")];
      default:
    }
    if (body.equals(Buffer.from("refuse me"))) return [403, "text/plain", Buffer.from("wrong challenge")];
    if (body.equals(Buffer.from("too much"))) return [200, "text/plain", Buffer.alloc(2 ** 21 + 1)];
    const message = method === "GET" ? Buffer.from(query.get("message") ?? "", "base64") : body;
    return [200, "application/x-pki-message", Buffer.concat([Buffer.from("signed "), message])];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function enrolled(
  ...profiles: (Partial<Omit<scep.SCEPProfile, "$typeName">> & { profileName: string })[]
): Promise<{ ask(message: object): Promise<DeviceResponse>; world: NodeWorld; box: Box } & AsyncDisposable> {
  const world = await NodeWorld.start();
  await world.addProfile(onboarding);
  const box = await Box.enrolled(world, onboarding, "A");
  const scepProfiles = profiles.map((profile) => ({ useControllerProxy: true, ...profile }));
  const made = create(config.EdgeDevConfigSchema, { scepProfiles });
  world.configs.set(box.id, { config: toBinary(config.EdgeDevConfigSchema, made), hash: "h" });
  return {
    ...{ world, box },
    ask: (message) =>
      box.post("scep", scepProxy.SCEPProxyRequestSchema, { scepProfileName: "plant", ...message }),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

const answerOf = ({ body }: DeviceResponse): scepProxy.SCEPProxyResponse =>
  payloadOf(scepProxy.SCEPProxyResponseSchema, body);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

describe("a certificate authority that is asked through the controller", () => {
  it("says what it can, who it is, and signs by GET and by POST", async () => {
    await using plant = await Authority.start();
    await using node = await enrolled({ profileName: "plant", scepUrl: plant.url });
    const caps = await node.ask({ operation: Operation.SCEP_OPERATION_GET_CA_CAPS, httpMethod: 1 });
    assert.equal(caps.status, 200);
    const said = answerOf(caps);
    assert.deepEqual(
      [said.scepProfileName, said.operation, said.httpStatusCode, text(said.message)],
      ["plant", Operation.SCEP_OPERATION_GET_CA_CAPS, 200, "POSTPKIOperation\nSHA-256\n"],
    );
    assert.deepEqual(
      said.httpHeaderFields.map(({ name, value }) => [name, value]),
      [["content-type", "text/plain"]],
    );
    const certificate = answerOf(await node.ask({ operation: Operation.SCEP_OPERATION_GET_CA_CERT }));
    assert.ok(Buffer.from(certificate.message).equals(authority.certificate.raw));
    const odd = new Uint8Array([0xfb, 0xff, 0x00]);
    const asked = { operation: Operation.SCEP_OPERATION_PKI_MESSAGE, message: odd };
    for (const httpMethod of [Method.HTTP_METHOD_GET, Method.HTTP_METHOD_POST]) {
      const signed = answerOf(await node.ask({ ...asked, httpMethod }));
      assert.ok(Buffer.from(signed.message).equals(Buffer.concat([Buffer.from("signed "), odd])));
    }
    assert.deepEqual(
      plant.asked.map(({ method, url, type }) => `${method} ${url} ${type}`.trim()),
      [
        "GET /scep?profile=box&operation=GetCACaps",
        "GET /scep?profile=box&operation=GetCACert",
        "GET /scep?profile=box&operation=PKIOperation&message=%2B%2F8A",
        "POST /scep?profile=box&operation=PKIOperation application/x-pki-message",
      ],
    );
  });

  it("is heard in its own words when it refuses", async () => {
    await using plant = await Authority.start();
    await using node = await enrolled({ profileName: "plant", scepUrl: plant.url });
    const answer = await node.ask({
      ...{ operation: Operation.SCEP_OPERATION_PKI_MESSAGE, httpMethod: Method.HTTP_METHOD_POST },
      message: new TextEncoder().encode("refuse me"),
    });
    const { httpStatusCode, errorBody, message } = answerOf(answer);
    assert.deepEqual(
      [answer.status, httpStatusCode, text(errorBody), message.length],
      [200, 403, "wrong challenge", 0],
    );
  });

  it("is told nothing by headers that a node makes up", async () => {
    await using plant = await Authority.start();
    await using node = await enrolled({ profileName: "plant", scepUrl: plant.url });
    const httpHeaderFields = [
      { name: "Authorization", value: "Basic eDp5" },
      { name: "Host", value: "evil.example" },
      { name: "Accept", value: "a\r\nx-evil: 1" },
    ];
    const answer = await node.ask({ operation: Operation.SCEP_OPERATION_GET_CA_CAPS, httpHeaderFields });
    assert.deepEqual([answer.status, plant.asked[0]?.secret], [200, ""]);
  });

  it("is believed over TLS by the certificates of the profile alone", async () => {
    const server = await issue({
      ...{ subject: "CN=ca", purpose: { type: "server", names: ["127.0.0.1"] }, days: 2, issuer: authority },
      ...{ now: instant(Date.now()), random: new SystemRandom() },
    });
    await using plant = await Authority.start({ key: server.keyPem, cert: server.certificatePem });
    const pem = new TextEncoder().encode(`${authority.certificatePem}\n`);
    await using node = await enrolled(
      { profileName: "plant", scepUrl: plant.url, caCertPem: [pem] },
      { profileName: "strange", scepUrl: plant.url },
    );
    const operation = Operation.SCEP_OPERATION_GET_CA_CAPS;
    assert.equal((await node.ask({ operation })).status, 200);
    const strange = await node.ask({ operation, scepProfileName: "strange" });
    assert.equal(strange.status, 502);
    assert.match(text(strange.body), /certificate|issuer|self-signed/i);
  });

  const { SCEP_OPERATION_PKI_MESSAGE: sign, SCEP_OPERATION_GET_CA_CERT: get } = Operation;
  const rows: readonly (readonly [what: string, status: number, message: object, why: RegExp])[] = [
    ["is none of its profiles", 403, { scepProfileName: "other", operation: get }, /no SCEP profile "other"/],
    [
      "is asked directly",
      403,
      { scepProfileName: "direct", operation: get },
      /no SCEP profile "direct" that/,
    ],
    ["is asked for nothing", 422, {}, /operation 0 is not known/],
    ["is asked for its name by POST", 422, { operation: get, httpMethod: 2 }, /GetCACert is asked by GET/],
    ["is asked too much by GET", 422, { operation: sign, message: new Uint8Array(8000) }, /send it by POST/],
    [
      "cannot be reached",
      502,
      { scepProfileName: "away", operation: get },
      /^http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/,
    ],
    [
      "sends us elsewhere",
      502,
      { operation: Operation.SCEP_OPERATION_GET_NEXT_CA_CERT },
      /elsewhere \(302\)/,
    ],
    [
      "says too much",
      502,
      { operation: sign, httpMethod: 2, message: new TextEncoder().encode("too much") },
      /more than 2097152 bytes/,
    ],
  ];
  for (const [what, status, message, why] of rows) {
    it(`is answered for with ${status} when it ${what}`, async () => {
      await using plant = await Authority.start();
      await using node = await enrolled(
        { profileName: "plant", scepUrl: plant.url },
        { profileName: "direct", scepUrl: plant.url, useControllerProxy: false },
        { profileName: "away", scepUrl: "http://127.0.0.1:1/scep" },
      );
      const answer = await node.ask(message);
      assert.equal(answer.status, status);
      assert.match(text(answer.body), why);
    });
  }
});
