import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WatchEvent } from "@selvedge/apimachinery";
import { ApiError } from "./errors.ts";
import { HttpObjects } from "./http-objects.ts";
import { FetchTransport, type HttpRequest, type HttpResponse, type HttpTransport } from "./http-transport.ts";
import type { KindRef } from "./objects.ts";

const pods: KindRef = { group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true };
const nodes: KindRef = { group: "", version: "v1", kind: "Node", plural: "nodes", namespaced: false };
const deployments: KindRef = {
  ...{ group: "apps", version: "v1", kind: "Deployment", plural: "deployments", namespaced: true },
};
const web = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop" } };

/** Answers with what the test says and remembers what was asked. */
class OneAnswer implements HttpTransport {
  readonly requests: HttpRequest[] = [];
  readonly #status: number;
  readonly #parts: readonly (string | Uint8Array)[];

  constructor(status: number, ...parts: (string | Uint8Array)[]) {
    this.#status = status;
    this.#parts = parts;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    this.requests.push(request);
    const parts = this.#parts.map((part) =>
      typeof part === "string" ? new TextEncoder().encode(part) : part,
    );
    return { status: this.#status, body: from(parts) };
  }
}

async function* from(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

type Call = (objects: HttpObjects) => Promise<unknown>;

describe("HttpObjects asks", () => {
  const rows: readonly (readonly [
    what: string,
    call: Call,
    request: string,
    body?: unknown,
    type?: string,
  ])[] = [
    ["for one", (objects) => objects.get(pods, "web", "shop"), "GET /api/v1/namespaces/shop/pods/web"],
    ["for one without a namespace", (objects) => objects.get(nodes, "n1"), "GET /api/v1/nodes/n1"],
    ["for all of all namespaces", (objects) => objects.list(deployments), "GET /apis/apps/v1/deployments"],
    [
      "for some",
      (objects) =>
        objects.list(pods, {
          namespace: "shop",
          labelSelector: "a in (b,c)",
          limit: 5,
          continue: "x=",
          fieldSelector: "",
        }),
      "GET /api/v1/namespaces/shop/pods?labelSelector=a%20in%20(b%2Cc)&fieldSelector=&limit=5&continue=x%3D",
    ],
    [
      "to make one",
      (objects) => objects.create(pods, web, { fieldManager: "me", dryRun: true }),
      "POST /api/v1/namespaces/shop/pods?fieldManager=me&dryRun=All",
      web,
    ],
    [
      "to make one below another",
      (objects) => objects.create(pods, web, { subresource: "binding" }),
      "POST /api/v1/namespaces/shop/pods/web/binding",
      web,
    ],
    ["to change one", (objects) => objects.update(pods, web), "PUT /api/v1/namespaces/shop/pods/web", web],
    [
      "to change a status",
      (objects) => objects.updateStatus(pods, web),
      "PUT /api/v1/namespaces/shop/pods/web/status",
      web,
    ],
    [
      "to patch",
      (objects) => objects.patch(nodes, "n1", undefined, "merge", { spec: {} }),
      "PATCH /api/v1/nodes/n1",
      { spec: {} },
      "application/merge-patch+json",
    ],
    [
      "to apply",
      (objects) => objects.patch(pods, "web", "shop", "apply", web, { fieldManager: "me", force: true }),
      "PATCH /api/v1/namespaces/shop/pods/web?fieldManager=me&force=true",
      web,
      "application/apply-patch+yaml",
    ],
    [
      "to delete",
      (objects) => objects.delete(pods, "web", "shop", { gracePeriodSeconds: 0 }),
      "DELETE /api/v1/namespaces/shop/pods/web",
      { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 },
    ],
    ["for a name with a slash in it", (objects) => objects.get(nodes, "../x"), "GET /api/v1/nodes/..%2Fx"],
  ];
  for (const [what, call, wanted, body, type] of rows) {
    it(what, async () => {
      const transport = new OneAnswer(200, "{}");
      await call(new HttpObjects(transport));
      const [request] = transport.requests;
      assert.equal(`${request?.method} ${request?.path}`, wanted);
      assert.deepEqual(request?.body === undefined ? undefined : JSON.parse(request.body), body);
      const expected = body === undefined ? undefined : (type ?? "application/json");
      assert.equal(request?.headers["content-type"], expected);
    });
  }
});

describe("HttpObjects does not ask", () => {
  for (const name of ["", ".", ".."]) {
    it(`for ${JSON.stringify(name)}`, async () => {
      const transport = new OneAnswer(200, "{}");
      await assert.rejects(new HttpObjects(transport).get(nodes, name), RangeError);
      assert.deepEqual(transport.requests, []);
    });
  }
});

describe("HttpObjects is refused", () => {
  const rows: readonly (readonly [status: number, body: string, reason: string, message: RegExp])[] = [
    [
      404,
      '{"kind":"Status","reason":"NotFound","message":"pods \\"web\\" not found","code":404}',
      "NotFound",
      /^pods "web" not found$/,
    ],
    [503, "<html>overloaded</html>", "ServiceUnavailable", /^the server answers 503: <html>overloaded/],
    [418, "", "Unknown", /^the server answers 418: $/],
    [409, '{"kind":"Pod"}', "Conflict", /answers 409/],
  ];
  for (const [status, body, reason, message] of rows) {
    it(`with ${status}: ${reason}`, async () => {
      const objects = new HttpObjects(new OneAnswer(status, body));
      await assert.rejects(objects.get(pods, "web", "shop"), (error: unknown) => {
        assert.ok(error instanceof ApiError);
        assert.deepEqual([error.reason, error.code], [reason, status]);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});

describe("HttpObjects watches", () => {
  const signal = AbortSignal.any([]);
  const read = async (transport: HttpTransport): Promise<WatchEvent[]> => {
    const events: WatchEvent[] = [];
    const options = { namespace: "shop", resourceVersion: "5", signal };
    for await (const event of new HttpObjects(transport).watch(pods, options)) events.push(event);
    return events;
  };

  it("line by line, however the lines are cut", async () => {
    const text = '{"type":"ADDED","object":{"kind":"ü"}}\n\n{"type":"BOOKMARK","object":{}}\n{"type":"MODI';
    const bytes = new TextEncoder().encode(text);
    const cut = text.indexOf("ü") + 1;
    const transport = new OneAnswer(200, bytes.subarray(0, cut), bytes.subarray(cut));
    assert.deepEqual(
      (await read(transport)).map(({ type, object }) => [type, object.kind]),
      [
        ["ADDED", "ü"],
        ["BOOKMARK", undefined],
      ],
    );
    const path = "/api/v1/namespaces/shop/pods?resourceVersion=5&watch=1&allowWatchBookmarks=true";
    assert.equal(transport.requests[0]?.path, path);
  });

  it("and says when it may not", async () => {
    const gone = '{"kind":"Status","reason":"Expired","message":"too old","code":410}';
    await assert.rejects(read(new OneAnswer(410, gone)), { reason: "Expired" });
  });

  it("and refuses an event without end", async () => {
    await assert.rejects(read(new OneAnswer(200, "x".repeat(9 * 1024 * 1024))), /longer than/);
  });
});

describe("FetchTransport", () => {
  it("sends what it is given, with its own headers", async () => {
    const seen: unknown[] = [];
    const fetch = async (url: string, init: object): Promise<{ status: number; body: null }> => {
      seen.push(url, init);
      return { status: 204, body: null };
    };
    const transport = new FetchTransport("https://host:6443/", fetch, { authorization: "Bearer x" });
    const answer = await transport.send({
      method: "PUT",
      path: "/a?b=c",
      headers: { accept: "d" },
      body: "{}",
    });
    assert.equal(answer.status, 204);
    for await (const _part of answer.body) assert.fail("there is no body");
    const headers = { authorization: "Bearer x", accept: "d" };
    assert.deepEqual(seen, ["https://host:6443/a?b=c", { method: "PUT", headers, body: "{}" }]);
  });
});

it("reads and writes integers of 64 bits whole, of a kind that has such", async () => {
  const text = '{"kind":"Pod","metadata":{"name":"web","namespace":"shop"},"n":9007199254740993}';
  for (const [kind, n] of [
    [{ ...pods, keepsIntegers: () => true }, "9007199254740993"],
    [pods, "9007199254740992"],
  ] as const) {
    const transport = new OneAnswer(200, text);
    const objects = new HttpObjects(transport);
    await objects.update(kind, await objects.get(kind, "web", "shop"));
    assert.equal(transport.requests[1]?.body, text.replace("9007199254740993", n));
    const events = new HttpObjects(new OneAnswer(200, `{"type":"ADDED","object":${text}}\n`));
    for await (const event of events.watch(kind, { signal: new AbortController().signal }))
      assert.equal(JSON.stringify(event.object), text.replace("9007199254740993", n));
  }
});
