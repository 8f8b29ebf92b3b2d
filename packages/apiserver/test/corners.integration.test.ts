/** Corners of the API that few clients go to, as upstream answers there. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing, type Reply } from "./api-world.ts";

const things = "/apis/lab.example/v1/namespaces/default/gadgets";
const thing = (name: string, size: number): object => ({
  ...{ apiVersion: "lab.example/v1", kind: "Gadget", metadata: { name }, spec: { size } },
});
describe("in its corners the API", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  const write = (method: string, path: string, body: unknown, type = "json"): Promise<Reply> =>
    world.send(path, {
      method,
      headers: { "content-type": `application/${type}` },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const apply = (path: string, body: unknown): Promise<Reply> =>
    write("PATCH", path, body, "apply-patch+yaml");
  before(async () => {
    world = await new ApiWorld().start();
    for (const [name, size] of [
      ["one", 1],
      ["two", 2],
    ] as const)
      assert.equal((await write("POST", things, thing(name, size))).status, 201);
  });
  after(() => world[Symbol.asyncDispose]());

  const watched: readonly (readonly [path: string, seen: string[]])[] = [
    ["namespaces/default/gadgets", ["ADDED one", "ADDED two"]],
    ["gadgets", ["ADDED one", "ADDED two"]],
    ["namespaces/default/gadgets/two", ["ADDED two"]],
    ["namespaces/default/gadgets/three", []],
    ["namespaces/default/gadgets?fieldSelector=spec.size%3D1", ["ADDED one"]],
    ["namespaces/default/gadgets/two?fieldSelector=spec.size%3D1", []],
  ];
  for (const [path, seen] of watched)
    it(`watches /watch/${path} as clients asked before`, async () => {
      const initial = "sendInitialEvents=1&allowWatchBookmarks=1&resourceVersionMatch=NotOlderThan";
      const url = `/apis/lab.example/v1/watch/${path}${path.includes("?") ? "&" : "?"}${initial}`;
      const events: string[] = [];
      for await (const { type, object } of world.events(url)) {
        if (type === "BOOKMARK") break;
        events.push(`${type} ${object.metadata.name}`);
      }
      assert.deepEqual(events, seen);
    });

  it("says what items of built-in kinds are by their list alone", async () => {
    const [accounts, count] = ["/api/v1/namespaces/default/serviceaccounts", 3];
    for (let one = 0; one < count; one++) {
      const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: `item-${one}` } };
      assert.equal((await write("POST", accounts, account)).status, 201);
    }
    const [whole, page, one] = [accounts, `${accounts}?limit=2`, `${accounts}/item-1`];
    for (const path of [whole, page]) {
      const { json } = await world.send(path);
      assert.equal(json.kind, "ServiceAccountList");
      assert.ok(json.items.length >= 2);
      for (const item of json.items) assert.deepEqual([item.kind, item.apiVersion], [undefined, undefined]);
    }
    assert.equal((await world.send(one)).json.kind, "ServiceAccount");
  });

  it("tells with the first row alone what the columns are", async () => {
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const told: unknown[] = [];
    for await (const { object } of world.events(`${things}?watch=1`, { accept }))
      if (told.push([object.kind, object.columnDefinitions?.length]) === 2) break;
    assert.deepEqual(told, [
      ["Table", 2],
      ["Table", undefined],
    ]);
  });

  it("changes nothing on such a path, and lets nobody watch who may not", async () => {
    const path = "/apis/lab.example/v1/watch/namespaces/default/gadgets";
    assert.equal((await world.send(path, { method: "DELETE" })).status, 404);
    const { status, json } = await world.send(`${path}/one`, { token: "bob" });
    assert.equal(status, 403);
    assert.match(json.message, /^gadgets.lab.example "one" is forbidden: User "bob" cannot watch resource/);
  });

  it("takes what is applied as YAML, though it look like JSON", async () => {
    const path = `${things}/loose`;
    const text = (size: string): string => `
\t{ "apiVersion": "lab.example/v1", "kind": "Gadget",
\t  "metadata": { "name": "loose", },
\t  "spec": { "size": ${size}, },
\t}`;
    const { status, json } = await apply(`${path}?fieldManager=me`, text("3"));
    assert.deepEqual([status, json.spec], [201, { size: 3 }]);
    const fault = await apply(`${path}?fieldManager=me`, text("[3"));
    assert.deepEqual([fault.status, fault.json.message.startsWith("error decoding patch: ")], [400, true]);
    await world.send(path, { method: "DELETE" });
  });

  it("says what a length of time is, and that what there is not cannot be changed", async () => {
    const said = 'invalid timeout specified in the request URL - time: invalid duration "soon"';
    for (const path of ["/version", things]) {
      const { status, json } = await world.send(`${path}?timeout=soon`);
      assert.deepEqual([status, json.message], [400, said]);
    }
    for (const [span, code] of Object.entries({ "3m": 200, "0s": 200, "-1s": 200, "1us": 504 }))
      assert.equal((await world.send(`${things}?timeout=${span}`)).status, code);
    assert.equal((await write("PUT", `${things}/three`, thing("three", 3))).status, 404);
    assert.equal((await write("PUT", `${things}/one`, thing("one", 1))).status, 422);
  });

  it("lists what it deleted together, of very much only that it did", async () => {
    const accounts = "/api/v1/namespaces/default/serviceaccounts";
    const all = `${accounts}?labelSelector=together`;
    for (const [size, count] of [
      [10, 3],
      [250_000, 5],
    ] as const) {
      for (let one = 0; one < count; one++) {
        const metadata = {
          name: `together-${one}`,
          labels: { together: "" },
          annotations: { a: "x".repeat(size) },
        };
        const { status } = await write("POST", accounts, {
          apiVersion: "v1",
          kind: "ServiceAccount",
          metadata,
        });
        assert.equal(status, 201);
      }
      const { status, json } = await world.send(all, { method: "DELETE" });
      const said = json.kind === "Status" ? [json.status, json.message] : [json.kind, json.items.length];
      const listed = size === 10;
      assert.deepEqual(
        [status, ...said],
        [200, ...(listed ? ["ServiceAccountList", count] : ["Success", `${count} objects were deleted`])],
      );
      assert.deepEqual((await world.send(all)).json.items, []);
    }
  });

  it("does not mind a slash at the end of a path", async () => {
    const [list, one] = [await world.send(`${things}/`), await world.send(`${things}/one/`)];
    assert.deepEqual([list.json.kind, one.json.metadata.name], ["GadgetList", "one"]);
    assert.equal((await world.send(`${things}//`)).status, 404);
    const made = await write("POST", `${things}/?dryRun=All`, thing("slashed", 3));
    assert.deepEqual([made.status, made.json.metadata.name], [201, "slashed"]);
    const { json } = await world.send(`${things}/one/`, { token: "bob" });
    assert.match(json.message, /^gadgets.lab.example "one" is forbidden: User "bob" cannot get resource/);
  });

  it("tries to make what is there already, and says so; a revision is no matter then", async () => {
    const { status, json } = await write("POST", `${things}?dryRun=All`, thing("one", 3));
    assert.deepEqual([status, json.reason], [409, "AlreadyExists"]);
    const again = { ...thing("again", 3), metadata: { name: "again", resourceVersion: "1" } };
    assert.equal((await write("POST", things, again)).status, 500);
    assert.equal((await write("POST", `${things}?dryRun=All`, again)).status, 201);
  });

  it("gives an object that is named, though it be asked to watch", async () => {
    assert.equal((await world.send(`${things}/one?watch=1`)).json.spec.size, 1);
  });

  it("shows nobody an object from before what they have seen", async () => {
    const { status, headers, json } = await world.send(`${things}/one?resourceVersion=1000000`);
    assert.deepEqual([status, headers["retry-after"], json.reason], [504, "1", "Timeout"]);
    assert.equal(json.details.causes[0].reason, "ResourceVersionTooLarge");
    const exactly = await world.send(`${things}?resourceVersion=18446744073709551615&limit=1`);
    assert.equal(exactly.headers["retry-after"], undefined);
    assert.match(
      exactly.json.message,
      /^Timeout: Too large resource version: 18446744073709551615, current: /,
    );
    const all = "sendInitialEvents=1&resourceVersionMatch=NotOlderThan";
    for await (const { type, object } of world.events(`${things}?watch=1&resourceVersion=999999&${all}`))
      assert.deepEqual([type, object.code, object.reason], ["ERROR", 504, "Timeout"]);
    const { resourceVersion } = (await world.send(`${things}/two`)).json.metadata;
    assert.equal((await world.send(`${things}/one?resourceVersion=${resourceVersion}`)).status, 200);
  });

  const applied: readonly (readonly [query: string, body: object, code: number, said: RegExp])[] = [
    ["a", { kind: "Thing", metadata: { name: "one" } }, 400, /^invalid object type: \/, Kind=Thing$/],
    ["a", { ...thing("one", 1), apiVersion: "v1" }, 400, /^invalid object type: \/v1, Kind=/],
    ["a", { apiVersion: "lab.example/v1" }, 400, /^invalid object type: lab.example\/v1, Kind=$/],
    [
      "a%07",
      thing("one", 1),
      422,
      /fieldManager: Invalid value: .*invalid character U\+0007 \(at position 1\)/,
    ],
    ["%C3%A4%20b", thing("one", 1), 200, /^$/],
  ];
  for (const [manager, body, code, said] of applied)
    it(`takes ${JSON.stringify(body)} from ${manager} with ${code}`, async () => {
      const { status, json } = await apply(`${things}/one?force=1&fieldManager=${manager}`, body);
      assert.equal(status, code);
      assert.match(json.message ?? "", said);
    });

  const moved: readonly (readonly [type: string, patch: unknown, said: RegExp])[] = [
    ["merge-patch+json", { metadata: { namespace: "b" } }, /^the namespace of the provided object does not/],
    ["merge-patch+json", { metadata: { name: null } }, /^the name of the object \(one based on URL\) was/],
    ["merge-patch+json", { metadata: null }, /was undeterminable: name must be provided$/],
    ["json-patch+json", {}, /a list of operations/],
    ["merge-patch+json", [], /an object/],
    [
      "merge-patch+json",
      '{"spec":{"size":1e999}}',
      /cannot unmarshal number 1e999 into Go value of type float64/,
    ],
  ];
  for (const [type, patch, said] of moved)
    it(`refuses the ${type} ${JSON.stringify(patch)}`, async () => {
      const { status, json } = await write("PATCH", `${things}/one`, patch, type);
      assert.equal(status, 400);
      assert.match(json.message, said);
    });

  const others: readonly (readonly [path: string, patch: object, said: RegExp])[] = [
    [
      `${things}/one`,
      { kind: "Foo" },
      /^Gadget.lab.example "one" is invalid: kind: .*"Foo": must be Gadget$/,
    ],
    [
      `${things}/one`,
      { apiVersion: "lab.example/v2" },
      / is invalid: apiVersion: .*: must be lab.example\/v1$/,
    ],
    ["/api/v1/namespaces/default", { kind: "Foo" }, /: no kind "Foo" is registered for version "v1"$/],
  ];
  for (const [path, patch, said] of others)
    it(`makes no ${JSON.stringify(patch)} of ${path}`, async () => {
      const { status, json } = await write("PATCH", path, patch, "merge-patch+json");
      assert.equal(status, 422);
      assert.match(json.message, said);
    });

  it("refuses a list as a strategic patch", async () => {
    const path = "/api/v1/namespaces/default";
    assert.equal((await write("PATCH", path, [{ op: "test" }], "strategic-merge-patch+json")).status, 400);
  });

  it("keeps no link to itself in an object", async () => {
    const { json } = await write(
      "PATCH",
      `${things}/one`,
      { metadata: { selfLink: "/a" } },
      "merge-patch+json",
    );
    assert.equal("selfLink" in json.metadata, false);
  });

  it("says of an apply configuration that does not fit what upstream says", async () => {
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "till" }, data: { VERSION: 1 } };
    const { status, json } = await apply("/api/v1/namespaces/default/configmaps/till?fieldManager=a", body);
    const which = "(default/till; /v1, Kind=ConfigMap)";
    const why = ".data.VERSION: expected string, got &value.valueUnstructured{Value:1}";
    assert.deepEqual([status, json.message], [500, `failed to create typed patch object ${which}: ${why}`]);
  });

  const partial = (name: string): string => `application/json;as=${name};g=meta.k8s.io;v=v1`;
  const parse = (text: string): string => `parsing "${text}": invalid syntax`;
  const notList = "but the requested object is";
  const unread: readonly (readonly [path: string, accept: string, code: number, said: string])[] = [
    [`${things}?timeoutSeconds=x`, "", 400, `strconv.ParseInt: ${parse("x")}`],
    [
      `${things}?includeObject=x`,
      partial("Table"),
      400,
      "Unable to convert to Table as requested: includeObject: Invalid value: " +
        "\"x\": must be 'Metadata', 'Object', 'None', or empty",
    ],
    [
      things,
      `${partial("PartialObjectMetadata")},application/json`,
      406,
      `you requested PartialObjectMetadata, ${notList} a list (*unstructured.UnstructuredList)`,
    ],
    [
      "/apis/apps/v1/deployments",
      partial("PartialObjectMetadata"),
      406,
      `you requested PartialObjectMetadata, ${notList} a list (*apps.DeploymentList)`,
    ],
    [
      "/api/v1/namespaces/default",
      partial("PartialObjectMetadataList"),
      406,
      `you requested PartialObjectMetadataList, ${notList} not a list (*core.Namespace)`,
    ],
  ];
  for (const [path, accept, code, said] of unread)
    it(`cannot be read as ${path.slice(1)}${accept && ` of ${accept}`}`, async () => {
      const { status, json } = await world.send(path, { headers: { accept } });
      assert.deepEqual([status, json.message], [code, said]);
    });

  const counted: readonly (readonly [path: string, said: object, change: object, generation: number])[] = [
    ["/apis/scheduling.k8s.io/v1/priorityclasses", { value: 5 }, { description: "x" }, 1],
    [
      "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
      { addressType: "IPv4" },
      { endpoints: [{ addresses: ["192.0.2.1"] }] },
      2,
    ],
    [
      "/api/v1/namespaces/default/podtemplates",
      { template: { spec: { containers: [{ name: "a", image: "b" }] } } },
      { template: { spec: { priority: 5 } } },
      2,
    ],
  ];
  for (const [path, said, change, generation] of counted)
    it(`counts what is wanted of ${path}`, async () => {
      const made = await write("POST", path, { metadata: { name: "counted" }, ...said });
      assert.deepEqual([made.status, made.json.metadata.generation], [201, 1]);
      const { status, json } = await write("PATCH", `${path}/counted`, change, "merge-patch+json");
      assert.deepEqual([status, json.metadata.generation], [200, generation]);
    });

  const fixed: readonly (readonly [method: string, path: string, code: number])[] = [
    ["POST", "/api", 405],
    ["PUT", "/api/v1/", 405],
    ["DELETE", "/apis/apps/v1", 405],
    ["PATCH", "/version", 405],
    ["POST", "/openapi/v2", 405],
    ["POST", "/apis/nothing", 404],
    ["PUT", "/apis/lab.example/v1/gadgets", 404],
    ["PATCH", "/apis/lab.example/v1/gadgets", 404],
    ["POST", "/api/v1/serviceaccounts", 405],
    ["DELETE", "/api/v1/serviceaccounts", 405],
    ["PUT", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x", 404],
  ];
  for (const [method, path, code] of fixed)
    it(`answers ${method} ${path} with ${code}`, async () => {
      const { status, json } = await world.send(path, { method });
      const reason = code === 405 ? "MethodNotAllowed" : "NotFound";
      assert.deepEqual([status, json.code, json.reason], [code, code, reason]);
    });

  const asked: readonly (readonly [method: string, part: string])[] = [
    ["GET", "pods/till/binding"],
    ["PUT", "pods/till/binding"],
    ["PATCH", "pods/till/binding"],
    ["GET", "pods/till/eviction"],
    ["PATCH", "pods/till/eviction"],
    ["POST", "pods/till/log"],
    ["GET", "serviceaccounts/till/token"],
    ["PUT", "serviceaccounts/till/token"],
    ["POST", "deployments/till/status"],
    ["DELETE", "deployments/till/scale"],
  ];
  for (const [method, part] of asked)
    it(`has no other way to a part of an object than discovery tells: ${method} ${part}`, async () => {
      const root = part.startsWith("deployments") ? "/apis/apps/v1" : "/api/v1";
      const path = `${root}/namespaces/default/${part}`;
      const { status } = await write(method, path, {}, method === "PATCH" ? "merge-patch+json" : "json");
      assert.equal(status, 405);
    });

  const scales: readonly (readonly [method: string, query: string, code: number, warned: boolean])[] = [
    ["PATCH", "fieldValidation=Strict", 422, false],
    ["PUT", "fieldValidation=Strict", 400, false],
    ["PATCH", "fieldValidation=Warn", 200, true],
    ["PUT", "fieldValidation=Warn", 200, true],
    ["PATCH", "fieldValidation=Ignore", 200, false],
  ];
  for (const [method, query, code, warned] of scales)
    it(`holds a scale to what it has: ${method}, ${query}`, async () => {
      const type = method === "PATCH" ? "merge-patch+json" : "json";
      const body = { metadata: { name: "two" }, spec: { replicas: 3, colour: "pink" } };
      const { status, headers, json } = await write(method, `${things}/two/scale?${query}`, body, type);
      assert.equal(status, code);
      if (code !== 200) assert.match(json.message, /strict decoding error: unknown field "spec.colour"/);
      assert.equal(headers["warning"]?.includes("spec.colour") === true, warned);
    });
});
