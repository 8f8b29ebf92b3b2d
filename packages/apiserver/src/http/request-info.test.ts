import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { requestInfo, withoutWatchStep } from "./request-info.ts";

const core = { type: "resource", group: "", version: "v1" };
const rows: readonly [method: string, url: string, expected: object][] = [
  ["GET", "/", { type: "path", verb: "get", path: "/" }],
  ["POST", "/api/v1", { type: "path", verb: "post", path: "/api/v1" }],
  ["GET", "/apis/apps/v1", { type: "path", verb: "get", path: "/apis/apps/v1" }],
  ["GET", "/metrics", { type: "path", verb: "get", path: "/metrics" }],
  ["GET", "/a%20b", { type: "path", verb: "get", path: "/a b" }],
  ["GET", "/api/v1/nodes", { ...core, verb: "list", resource: "nodes" }],
  ["HEAD", "/api/v1/nodes/a", { ...core, verb: "get", resource: "nodes", name: "a" }],
  ["GET", "/api/v1/nodes?watch=true", { ...core, verb: "watch", resource: "nodes" }],
  ["GET", "/api/v1/nodes?watch=0", { ...core, verb: "list", resource: "nodes" }],
  ["GET", "/api/v1/nodes/a?watch=1", { ...core, verb: "get", resource: "nodes", name: "a" }],
  ["GET", "/api/v1/namespaces", { ...core, verb: "list", resource: "namespaces" }],
  [
    "GET",
    "/api/v1/namespaces/a",
    { ...core, verb: "get", resource: "namespaces", namespace: "a", name: "a" },
  ],
  [
    "PUT",
    "/api/v1/namespaces/a/finalize",
    { ...core, verb: "update", resource: "namespaces", namespace: "a", name: "a", subresource: "finalize" },
  ],
  ["POST", "/api/v1/namespaces/a/pods", { ...core, verb: "create", resource: "pods", namespace: "a" }],
  [
    "DELETE",
    "/api/v1/namespaces/a/pods",
    { ...core, verb: "deletecollection", resource: "pods", namespace: "a" },
  ],
  [
    "GET",
    "/api/v1/namespaces/a/pods/b/log?watch=true",
    { ...core, verb: "get", resource: "pods", namespace: "a", name: "b", subresource: "log" },
  ],
  [
    "PATCH",
    "/apis/apps/v1/namespaces/a/deployments/b/scale",
    {
      ...{ type: "resource", group: "apps", version: "v1", verb: "patch", resource: "deployments" },
      ...{ namespace: "a", name: "b", subresource: "scale" },
    },
  ],
  [
    "GET",
    "/api/v1/nodes/a/proxy/logs/x",
    { ...core, verb: "get", resource: "nodes", name: "a", subresource: "proxy" },
  ],
];

/** A list of one is for who may see that one, in all the ways it can be written. */
const selectors: readonly [selector: string, name: string | undefined][] = [
  ["metadata.name=b", "b"],
  ["metadata.name==b", "b"],
  ["a=c,metadata.name=b", "b"],
  ["metadata.name!=b", undefined],
  ["metadata.namespace=b", undefined],
  ["metadata.name=", undefined],
  ["metadata.name", undefined],
];

/** As watches were asked for before, and as they are today. */
const watches: readonly (readonly [method: string, before: string, today: string])[] = [
  ["GET", "/api/v1/watch/nodes", "/api/v1/nodes?watch=1"],
  ["GET", "/api/v1/watch/namespaces", "/api/v1/namespaces?watch=1"],
  ["GET", "/api/v1/watch/namespaces/a", "/api/v1/namespaces?watch=1&fieldSelector=metadata.name%3Da"],
  ["GET", "/api/v1/watch/namespaces/a/pods?limit=1", "/api/v1/namespaces/a/pods?limit=1&watch=1"],
  [
    "GET",
    "/apis/apps/v1/watch/namespaces/a/deployments/b%2E?fieldSelector=c%3Dd",
    "/apis/apps/v1/namespaces/a/deployments?fieldSelector=c%3Dd%2Cmetadata.name%3Db.&watch=1",
  ],
  ["GET", "/api/v1/watch", "/api/v1/watch"],
  ["GET", "/api/v1/watch/namespaces/a/pods/b/log", "/api/v1/watch/namespaces/a/pods/b/log"],
  ["GET", "/healthz/watch/it", "/healthz/watch/it"],
  ["DELETE", "/api/v1/watch/namespaces/a/pods", "/api/v1/watch/namespaces/a/pods"],
];

describe("what a request asks for", () => {
  for (const [method, before, today] of watches) {
    it(`${method} ${before}`, () => {
      const { pathname, searchParams } = new URL(before, "https://server");
      const { path, query } = withoutWatchStep(method, { path: pathname, query: searchParams });
      assert.equal(query.size === 0 ? path : `${path}?${query}`, today);
    });
  }

  for (const [method, url, expected] of rows) {
    it(`${method} ${url}`, () => {
      const { pathname, searchParams } = new URL(url, "https://server");
      assert.deepEqual(requestInfo(method, pathname, searchParams), expected);
    });
  }

  for (const [fieldSelector, name] of selectors) {
    it(`a list where ${fieldSelector}`, () => {
      assert.deepEqual(requestInfo("GET", "/api/v1/secrets", new URLSearchParams({ fieldSelector })), {
        ...{ ...core, verb: "list", resource: "secrets", fieldSelector },
        ...(name && { name }),
      });
    });
  }

  it("cannot be said in broken escapes", () => {
    assert.throws(() => requestInfo("GET", "/api/v1/nodes/%zz", new URLSearchParams()), { code: 400 });
  });
});
