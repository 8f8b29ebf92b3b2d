/**
 * What clients other than kubectl rely on: documents, forms, lists, watches and refusals, as bytes on the
 * wire.
 */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { after, before, describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { ApiWorld, gadget, opensslMissing } from "./api-world.ts";

const things = "/apis/lab.example/v1/namespaces/default/gadgets";
const table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const aggregated = (version: string): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
const json = { "content-type": "application/json" };

function thing(name: string, size: number, more: Partial<KubeObject["metadata"]> = {}): KubeObject {
  return {
    apiVersion: "lab.example/v1",
    kind: "Gadget",
    metadata: { name, namespace: "default", ...more },
    spec: { size },
  };
}

describe("the server", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  before(async () => {
    world = await new ApiWorld().start();
  });
  after(() => world[Symbol.asyncDispose]());
  const post = (body: unknown, query = ""): ReturnType<ApiWorld["send"]> =>
    world.send(things + query, { method: "POST", headers: json, body: JSON.stringify(body) });
  const patch = (name: string, type: string, body: unknown, query = ""): ReturnType<ApiWorld["send"]> =>
    world.send(`${things}/${name}${query}`, {
      method: "PATCH",
      headers: { "content-type": `application/${type}` },
      body: JSON.stringify(body),
    });
  const name = ({ object }: { object: KubeObject }): string => object.metadata.name;

  describe("says what there is", () => {
    for (const version of ["v2", "v2beta1"]) {
      it(`in one document, ${version}, for both roots`, async () => {
        for (const root of ["/api", "/apis"]) {
          const first = await world.send(root, {
            headers: { accept: `${aggregated(version)},application/json` },
          });
          assert.equal(first.headers["content-type"], aggregated(version));
          assert.equal(first.headers.vary, "Accept");
          assert.equal(first.json.kind, "APIGroupDiscoveryList");
          const etag = first.headers.etag ?? "";
          const again = await world.send(root, {
            headers: { accept: aggregated(version), "if-none-match": etag },
          });
          assert.equal(again.status, 304);
        }
      });
    }

    it("with the kinds that subresources answer with", async () => {
      const { json: core } = await world.send("/api", { headers: { accept: aggregated("v2") } });
      const find = (list: { resource: string }[], plural: string): unknown =>
        list.find(({ resource }) => resource === plural);
      const pods = find(core.items[0].versions[0].resources, "pods") as {
        scope: string;
        subresources: { subresource: string; responseKind: { group: string; kind: string } }[];
      };
      assert.equal(pods.scope, "Namespaced");
      const kinds = pods.subresources.map(
        ({ subresource, responseKind }) => `${subresource} ${responseKind.kind}`,
      );
      assert.ok(kinds.includes("eviction Eviction"), kinds.join());
      const { json: legacy } = await world.send("/apis/lab.example/v1");
      const scale = legacy.resources.find(({ name: one }: { name: string }) => one === "gadgets/scale");
      assert.deepEqual([scale.group, scale.version, scale.kind], ["autoscaling", "v1", "Scale"]);
    });

    it("in OpenAPI documents that are addressed by their hash", async () => {
      const { json: root, headers } = await world.send("/openapi/v3");
      const unchanged = await world.send("/openapi/v3", { headers: { "if-none-match": headers.etag ?? "" } });
      assert.equal(unchanged.status, 304);
      const url = root.paths["apis/lab.example/v1"].serverRelativeURL;
      assert.match(url, /^\/openapi\/v3\/apis\/lab\.example\/v1\?hash=[0-9A-F]{128}$/);
      const document = await world.send(url);
      assert.match(document.headers["cache-control"] ?? "", /immutable/);
      const { patch } = document.json.paths["/apis/lab.example/v1/namespaces/{namespace}/gadgets/{name}"];
      const identity = { group: "lab.example", version: "v1", kind: "Gadget" };
      assert.deepEqual(patch["x-kubernetes-group-version-kind"], identity);
      assert.ok(patch.parameters.some((one: { name: string }) => one.name === "fieldValidation"));
      assert.ok(!("application/strategic-merge-patch+json" in patch.requestBody.content));
      const accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
      const v2 = await world.send("/openapi/v2", { headers: { accept } });
      assert.equal(v2.headers["content-type"], "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
      assert.equal((await world.send("/openapi/v2")).json.swagger, "2.0");
    });

    it("to strangers only that it lives", async () => {
      assert.equal((await world.send("/livez", { token: "" })).text, "ok");
      const { json: version } = await world.send("/version", { token: "" });
      for (const path of ["/version", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1"])
        assert.deepEqual((await world.send(`${path}/`)).json, (await world.send(path)).json, path);
      assert.match(`${version.major}.${version.minor}`, /^1\.\d+$/);
      const refused = await world.send("/api", { token: "" });
      assert.deepEqual(
        [refused.status, refused.json.reason, refused.json.kind],
        [401, "Unauthorized", "Status"],
      );
    });
  });

  it("answers in the form that is asked for", async () => {
    await post(thing("formed", 1));
    const rows = await world.send(things, { headers: { accept: table } });
    assert.equal(rows.json.kind, "Table");
    assert.deepEqual(
      rows.json.columnDefinitions.map((column: { name: string }) => column.name),
      ["Name", "Age"],
    );
    assert.equal(rows.json.rows[0].object.kind, "PartialObjectMetadata");
    const whole = await world.send(`${things}?includeObject=Object`, { headers: { accept: table } });
    assert.deepEqual(whole.json.rows[0].object.spec, { size: 1 });
    const none = await world.send(`${things}/formed?includeObject=None`, { headers: { accept: table } });
    assert.equal(none.json.rows[0].object, null);
    const accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    const partial = await world.send(things, { headers: { accept } });
    assert.deepEqual(Object.keys(partial.json.items[0]).sort(), ["apiVersion", "kind", "metadata"]);
    assert.equal((await world.send(things, { headers: { accept: "application/cbor" } })).status, 406);
    const protobufFirst = await world.send(things, {
      headers: { accept: "application/vnd.kubernetes.protobuf,application/json" },
    });
    assert.equal(protobufFirst.headers["content-type"], "application/json");
  });

  it("lists in pages that are one list", async () => {
    for (let n = 0; n < 5; n++) await post(thing(`page-${n}`, 1, { labels: { set: "pages" } }));
    const query = "?labelSelector=set%3Dpages";
    const first = await world.send(`${things}?limit=3`);
    assert.ok(first.json.metadata.remainingItemCount >= 2);
    const { resourceVersion, continue: token } = first.json.metadata;
    await post(thing("page-9", 1));
    await world.send(`${things}/page-4`, { method: "DELETE" });
    const second = await world.send(`${things}?limit=500&continue=${token}`);
    assert.equal(second.json.metadata.resourceVersion, resourceVersion);
    const names = [...first.json.items, ...second.json.items].map((item: KubeObject) => item.metadata.name);
    assert.ok(names.includes("page-4") && !names.includes("page-9"), names.join());
    const selected = await world.send(`${things}${query}&limit=2`);
    assert.equal(selected.json.items.length, 2);
    assert.equal(selected.json.metadata.remainingItemCount, undefined);
    const then = await world.send(`${things}?resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`);
    assert.ok(then.json.items.some((item: KubeObject) => item.metadata.name === "page-4"));
    const rows: [query: string, code: number, reason: string][] = [
      ["?resourceVersion=99999999", 504, "Timeout"],
      ["?resourceVersion=abc", 400, "BadRequest"],
      ["?resourceVersionMatch=Exact", 422, "Invalid"],
      ["?resourceVersionMatch=Exact&resourceVersion=0", 422, "Invalid"],
      ["?continue=nonsense", 400, "BadRequest"],
      ["?sendInitialEvents=true", 422, "Invalid"],
      ["?labelSelector=a%20b", 400, "BadRequest"],
      ["?fieldSelector=spec.weight%3D1", 400, "BadRequest"],
      ["?limit=many", 400, "BadRequest"],
    ];
    for (const [asked, code, reason] of rows) {
      const refused = await world.send(things + asked);
      assert.deepEqual([asked, refused.status, refused.json.reason], [asked, code, reason]);
    }
  });

  it("watches from the start with a sign where the start ends, and goes on", async () => {
    await post(thing("watched", 1, { labels: { set: "watch" } }));
    const initial = "watch=1&allowWatchBookmarks=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    const seen: string[] = [];
    for await (const event of world.events(`${things}?${initial}&labelSelector=set%3Dwatch`)) {
      if (event.type === "BOOKMARK") {
        assert.equal(event.object.metadata.annotations["k8s.io/initial-events-end"], "true");
        assert.equal(event.object.kind, "Gadget");
        await patch("watched", "merge-patch+json", { spec: { size: 2 } });
        await patch("watched", "merge-patch+json", { metadata: { labels: { set: "other" } } });
      }
      seen.push(`${event.type} ${event.object.metadata.name ?? ""}`);
      if (event.type === "DELETED") break;
    }
    assert.deepEqual(seen, ["ADDED watched", "BOOKMARK ", "MODIFIED watched", "DELETED watched"]);
  });

  it("watches one object as a table, and ends a watch when its time is over", async () => {
    const made = (await post(thing("single", 1))).json;
    const query = `watch=true&fieldSelector=metadata.name%3Dsingle&timeoutSeconds=1&allowWatchBookmarks=true`;
    const from = `&resourceVersion=${made.metadata.resourceVersion}`;
    const seen: unknown[] = [];
    await patch("single", "merge-patch+json", { spec: { size: 2 } });
    await post(thing("another", 1));
    for await (const event of world.events(`${things}?${query}${from}`, { accept: table })) seen.push(event);
    const [changed, last] = seen as [
      { type: string; object: { kind: string; rows: { object: KubeObject }[] } },
      { type: string; object: { metadata: { resourceVersion: string } } },
    ];
    assert.deepEqual([changed.type, changed.object.kind], ["MODIFIED", "Table"]);
    assert.equal(name(changed.object.rows[0] as never), "single");
    assert.equal(last.type, "BOOKMARK");
    assert.ok(Number(last.object.metadata.resourceVersion) > Number(made.metadata.resourceVersion));
    assert.equal(seen.length, 2);
  });

  it("lets a client that stops reading go on where it was, and others meanwhile", async () => {
    const changes = 80;
    const { resourceVersion } = (await post(thing("busy", 0))).json.metadata;
    const query = `?watch=1&fieldSelector=metadata.name%3Dbusy&resourceVersion=${resourceVersion}`;
    const opened = Promise.withResolvers<IncomingMessage>();
    const outgoing = world.open(things + query, {}, (response) => opened.resolve(response));
    const response = await opened.promise;
    response.pause();
    const other = world.events(things + query);
    const first = other.next();
    const annotations = { weight: "x".repeat(100_000) };
    for (let size = 1; size <= changes; size++) {
      await world.objects.patch(gadget, "busy", "default", "merge", {
        metadata: { annotations },
        spec: { size },
      });
    }
    let seen = 1;
    assert.equal((await first).value.object.spec.size, 1);
    for await (const { object } of other) if (object.spec.size === changes) break;
    let text = "";
    response.setEncoding("utf8");
    for await (const part of response) {
      text += part;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) assert.equal(JSON.parse(line).object.spec.size, seen++);
      if (seen > changes) break;
    }
    outgoing.destroy();
  });

  it("reads YAML and protobuf, and says what else it cannot read", async () => {
    const yaml = await world.send(things, {
      method: "POST",
      headers: { "content-type": "application/yaml" },
      body: "metadata: {name: yaml}\nspec:\n  size: 010\n  size: 011\n  odd: yes\n",
    });
    assert.deepEqual([yaml.status, yaml.json.spec], [201, { size: 9 }]);
    assert.match(
      String(yaml.headers.warning),
      /unknown field \\"spec.odd\\".*duplicate field \\"spec.size\\"/,
    );
    const options = Uint8Array.fromHex(
      "6b387300 0a13 0a027631 120d 44656c6574654f7074696f6e73 1204 0800 2a00".replaceAll(" ", ""),
    );
    const headers = { "content-type": "application/vnd.kubernetes.protobuf" };
    const kept = await world.send(`${things}/yaml`, { method: "DELETE", headers, body: options });
    assert.equal(kept.json.reason, "Invalid");
    const gone = await world.send(`${things}/yaml`, {
      method: "DELETE",
      headers,
      body: options.slice(0, -2).with(26, 2),
    });
    assert.deepEqual([gone.status, gone.json.status, gone.json.details.name], [200, "Success", "yaml"]);
    const rows: [type: string, body: string, code: number][] = [
      ["application/json", "{", 400],
      ["application/json", "[]", 400],
      ["application/cbor", "{}", 415],
      ["application/vnd.kubernetes.protobuf", "k8s", 415],
      ["application/json", " ".repeat(3 * 1024 * 1024 + 1), 413],
      ["application/json", '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"}}', 400],
      ["application/json", '{"metadata":{"name":"x","namespace":"elsewhere"}}', 400],
      ["application/json", '{"metadata":{"name":"Not_A_Name"}}', 422],
      ["application/json", '{"metadata":{}}', 422],
      ["application/json", '{"metadata":[]}', 400],
    ];
    for (const [type, body, code] of rows) {
      const refused = await world.send(things, { method: "POST", headers: { "content-type": type }, body });
      assert.deepEqual(
        [body.slice(0, 60), refused.status, refused.json.kind],
        [body.slice(0, 60), code, "Status"],
      );
    }
  });

  it("deletes as it is told to", async () => {
    const remove = (one: string, body?: unknown): ReturnType<ApiWorld["send"]> =>
      world.send(`${things}/${one}`, {
        method: "DELETE",
        headers: json,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    await post(thing("held", 1, { finalizers: ["lab.example/hold"] }));
    const wrong = await remove("held", { preconditions: { uid: "other" } });
    assert.match(
      wrong.json.message,
      /the UID in the precondition \(other\) does not match the UID in record/,
    );
    const dry = await remove("held", { dryRun: ["All"] });
    assert.equal(dry.status, 200);
    assert.equal((await world.send(`${things}/held`)).json.metadata.deletionTimestamp, undefined);
    const marked = await remove("held", { propagationPolicy: "Foreground" });
    assert.deepEqual(marked.json.metadata.finalizers, ["lab.example/hold", "foregroundDeletion"]);
    const extra = await patch("held", "merge-patch+json", { metadata: { finalizers: ["lab.example/new"] } });
    assert.match(extra.json.message, /no new finalizers can be added if the object is being deleted/);
    await patch("held", "merge-patch+json", { metadata: { finalizers: null } });
    assert.equal((await world.send(`${things}/held`)).status, 404);
    for (const one of ["x", "y"]) await post(thing(`all-${one}`, 1, { labels: { set: "all" } }));
    const all = await world.send(`${things}?labelSelector=set%3Dall`, { method: "DELETE" });
    assert.deepEqual(
      all.json.items.map((item: KubeObject) => item.metadata.name),
      ["all-x", "all-y"],
    );
    assert.deepEqual((await world.send(`${things}?labelSelector=set%3Dall`)).json.items, []);
  });

  it("keeps a pod for its grace, binds it once, and evicts it", async () => {
    const pods = "/api/v1/namespaces/default/pods";
    const pod = { metadata: { name: "app" }, spec: { containers: [{ name: "a", image: "a:1" }] } };
    const send = (path: string, method: string, body: unknown): ReturnType<ApiWorld["send"]> =>
      world.send(pods + path, { method, headers: json, body: JSON.stringify(body) });
    assert.equal((await send("", "POST", pod)).status, 201);
    const binding = { metadata: { name: "app" }, target: { kind: "Node", name: "box" } };
    assert.equal((await send("/app/binding", "POST", binding)).status, 201);
    const again = await send("/app/binding", "POST", binding);
    assert.match(again.json.message, /pod app is already assigned to node "box"/);
    const gated = { metadata: { name: "gated" }, spec: { ...pod.spec, schedulingGates: [{ name: "a" }] } };
    assert.equal((await send("", "POST", gated)).status, 201);
    const early = await send("/gated/binding", "POST", { ...binding, metadata: gated.metadata });
    assert.match(early.json.message, /pod gated has non-empty .spec.schedulingGates/);
    const [bound, ...others] = (await world.send(`${pods}?fieldSelector=spec.nodeName%3Dbox`)).json.items;
    assert.deepEqual([bound.metadata.generation, others], [1, []]);
    const evicted = await send("/app/eviction", "POST", { metadata: { name: "app" } });
    assert.deepEqual([evicted.status, evicted.json.status], [201, "Success"]);
    const { metadata, status } = (await world.send(`${pods}/app`)).json;
    assert.equal(metadata.deletionGracePeriodSeconds, 30);
    const why = status.conditions.find((one: { type: string }) => one.type === "DisruptionTarget");
    assert.deepEqual([why.status, why.reason], ["True", "EvictionByEvictionAPI"]);
    const sooner = await send("/app", "DELETE", { gracePeriodSeconds: 5 });
    assert.equal(sooner.json.metadata.deletionGracePeriodSeconds, 5);
    const now = await send("/app", "DELETE", { gracePeriodSeconds: 0 });
    assert.equal(now.json.metadata.name, "app");
    assert.equal((await world.send(`${pods}/app`)).status, 404);
  });

  it("makes names, and tells methods and paths it does not have", async () => {
    const made = await post({ ...thing("", 1), metadata: { generateName: "gen-" } });
    assert.match(made.json.metadata.name, /^gen-[bcdfghjklmnpqrstvwxz2-9]{5}$/);
    const dry = await post({ ...thing("", 1), metadata: { generateName: "gen-" } }, "?dryRun=All");
    assert.equal((await world.send(`${things}/${dry.json.metadata.name}`)).status, 404);
    const rows: [method: string, path: string, code: number][] = [
      ["GET", "/apis/lab.example/v1/widgets", 404],
      ["GET", "/apis/lab.example/v9/gadgets", 404],
      ["GET", "/apis/lab.example/v1/namespaces/default%2Fgadgets/gadgets", 404],
      ["POST", "/apis/lab.example/v1/gadgets", 404],
      ["DELETE", "/apis/lab.example/v1/gadgets", 404],
      ["PUT", things, 405],
      ["GET", "/nothing", 404],
      ["POST", `${things}?dryRun=Some`, 422],
      ["PATCH", `${things}/x`, 415],
    ];
    for (const [method, path, code] of rows) {
      const body = method === "GET" ? {} : { body: JSON.stringify(thing("x", 1)), headers: json };
      const refused = await world.send(path, { method, ...body });
      assert.deepEqual([method, path, refused.status, refused.json.kind], [method, path, code, "Status"]);
    }
  });

  it("lets an administrator count on who set what", async () => {
    await patch(
      "owned",
      "apply-patch+yaml",
      { ...thing("owned", 1), metadata: { name: "owned" } },
      "?fieldManager=one",
    );
    const nobody = await patch("owned", "apply-patch+yaml", thing("owned", 2));
    assert.match(nobody.json.message, /PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value/);
    const other = await patch("owned", "apply-patch+yaml", thing("owned", 2), "?fieldManager=two");
    assert.equal(other.json.details.causes[0].field, ".spec.size");
    assert.equal(other.json.message, 'Apply failed with 1 conflict: conflict with "one": .spec.size');
    await patch("owned", "merge-patch+json", { spec: { size: 5 } }, "?fieldManager=three");
    await patch(
      "owned",
      "apply-patch+yaml",
      { ...thing("owned", 5), status: { size: 1 } },
      "?fieldManager=one",
    );
    const { managedFields } = (await world.send(`${things}/owned`)).json.metadata;
    assert.deepEqual(
      managedFields.map((entry: Record<string, unknown>) => [
        entry["manager"],
        entry["operation"],
        entry["fieldsV1"],
      ]),
      [
        ["one", "Apply", { "f:spec": { "f:size": {} } }],
        ["three", "Update", { "f:spec": { "f:size": {} } }],
      ],
    );
    const mended = await patch("owned", "json-patch+json", [
      { op: "replace", path: "/metadata/managedFields", value: [{}] },
    ]);
    assert.equal(mended.json.metadata.managedFields, undefined);
  });
});
