/** What cannot be read of a request is answered in upstream's words and with its codes: people look for both. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing, type Reply } from "./api-world.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const token = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const number = (text: string, why: string): string =>
  `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": ${why}`;

describe("a request that cannot be read", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  const write = (method: string, path: string, body: unknown): Promise<Reply> =>
    world.send(path, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  before(async () => {
    world = await new ApiWorld().start();
    assert.equal((await write("POST", maps, { metadata: { name: "a" } })).status, 201);
  });
  after(() => world[Symbol.asyncDispose]());

  const key = "invalid continue token: continue key is not valid:";
  const options = 'ListOptions.meta.k8s.io "" is invalid:';
  const form = "(version meta.k8s.io/v1)";
  const known = { v: "meta.k8s.io/v1", rv: 1, start: "a\u0000" };
  const reads: readonly (readonly [query: string, code: number, said: string | undefined])[] = [
    ["?resourceVersion=x", 400, `invalid resource version: ${number("x", "invalid syntax")}`],
    [
      "?resourceVersion=99999999999999999999",
      400,
      `invalid resource version: ${number("99999999999999999999", "value out of range")}`,
    ],
    ["?watch=1&resourceVersion=x", 500, number("x", "invalid syntax")],
    ["/a?resourceVersion=-1", 500, number("-1", "invalid syntax")],
    ["?continue=x", 400, `${key} illegal base64 data at input byte 0`],
    ["?continue=ab%25", 400, `${key} illegal base64 data at input byte 2`],
    ["?continue=abc", 400, `${key} invalid character 'i' looking for beginning of value`],
    ["?continue=ew", 400, `${key} unexpected end of JSON input`],
    [
      `?continue=${token([])}`,
      400,
      `${key} json: cannot unmarshal array into Go value of type storage.continueToken`,
    ],
    [
      `?continue=${token({ v: 1 })}`,
      400,
      `${key} json: cannot unmarshal number into Go struct field continueToken.v of type string`,
    ],
    [`?continue=${token({})}`, 400, `${key} server does not recognize this encoded version `],
    [
      `?continue=${token({ ...known, rv: 0 })}`,
      400,
      `${key} incorrect encoded start resourceVersion ${form}`,
    ],
    [`?continue=${token({ ...known, start: "" })}`, 400, `${key} encoded start key empty ${form}`],
    [`?continue=${token({ ...known, start: "../x" })}`, 400, `${key} ../x`],
    // What is wrong with the token comes before what it is beside.
    ["?continue=x&resourceVersion=1", 400, `${key} illegal base64 data at input byte 0`],
    [
      `?continue=${token(known)}&resourceVersion=1`,
      400,
      "specifying resource version is not allowed when using continue",
    ],
    [
      "?fieldSelector=%3Da",
      400,
      '"" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    [
      "?continue=x&resourceVersionMatch=Exact&resourceVersion=1",
      422,
      `${options} resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided`,
    ],
    [
      "?sendInitialEvents=1&resourceVersionMatch=Exact",
      422,
      [
        `${options} [resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion`,
        "is provided, sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list]",
      ].join(" "),
    ],
    ["/a?export=true", 400, "the export parameter, deprecated since v1.14, is no longer supported"],
    [
      "?labelSelector=a%3E99999999999999999999",
      400,
      [
        `unable to parse requirement: values[0]: Invalid value: "99999999999999999999":`,
        "for 'Gt', 'Lt' operators, the value must be an integer",
      ].join(" "),
    ],
    ["?fieldSelector=!%3D,metadata.name%3Da", 200, undefined],
    ["/../pods?fieldSelector=status.podIPs!%3Da", 200, undefined],
    ["?fieldSelector=metadata.name%3Da%3Db", 400, "invalid field selector: unescaped character in value: 61"],
  ];
  for (const [query, code, said] of reads)
    it(`${query} is answered ${code}`, async () => {
      const { status, json } = await world.send(`${maps}${query}`);
      assert.deepEqual([status, json.message], [code, said]);
    });

  const sent: readonly (readonly [method: string, path: string, type: string, body: string, said: string])[] =
    [
      [
        ...(["POST", maps, "application/json", "{"] as const),
        "the object provided is unrecognized (must be of type ConfigMap): " +
          "couldn't get version/kind; json parse error: unexpected end of JSON input ({)",
      ],
      [
        ...(["PATCH", `${maps}/a`, "application/merge-patch+json", '{"data":}'] as const),
        "error decoding patch: invalid character '}' looking for beginning of value",
      ],
    ];
  for (const [method, path, type, body, said] of sent)
    it(`${method} of ${body} is answered in the words of Go's parser`, async () => {
      const { status, json } = await world.send(path, { method, headers: { "content-type": type }, body });
      assert.deepEqual([status, json.message], [400, said]);
    });

  for (const version of ["", "0", "00", "v1", "-1", " 1", "1.5", "18446744073709551616"])
    it(`makes an object though its revision be ${JSON.stringify(version)}`, async () => {
      const { status, json } = await write("POST", maps, {
        metadata: { generateName: "made-", resourceVersion: version },
      });
      assert.equal(status, 201);
      assert.notEqual(json.metadata.resourceVersion, version);
    });

  for (const version of ["1", "007", "18446744073709551615"])
    it(`makes no object that has had the revision ${version}`, async () => {
      const object = { metadata: { name: "never", resourceVersion: version } };
      const { status, json } = await write("POST", maps, object);
      const said = "resourceVersion should not be set on objects to be created";
      assert.deepEqual([status, json.message], [500, said]);
      assert.equal((await write("POST", `${maps}?dryRun=All`, object)).status, 201);
    });

  for (const [path, said] of [
    [
      "/api/v1/namespaces?fieldSelector=metadata.namespace%3Da",
      "field label not supported: metadata.namespace",
    ],
    ["/apis/batch/v1/jobs?fieldSelector=a%3Db", 'field label "a" not supported for Job'],
    [
      "/apis/apps/v1/replicasets?fieldSelector=status.replicas%3D0",
      '"status.replicas" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
  ] as const)
    it(`selects nothing by ${path}`, async () => {
      const { status, json } = await world.send(path);
      assert.deepEqual([status, json.message], [400, said]);
    });

  for (const metadata of [undefined, null, {}, { name: "" }, { generateName: "a" }])
    it(`does not replace an object by one with metadata of ${JSON.stringify(metadata)}`, async () => {
      const { status, json } = await write("PUT", `${maps}/a`, { metadata });
      const said = "the name of the object (a based on URL) was undeterminable: name must be provided";
      assert.deepEqual([status, json.message], [400, said]);
    });

  for (const path of ["/openapi/v2", "/openapi/v3/apis/apps/v1"])
    it(`cannot have ${path} in a form that there is not`, async () => {
      assert.equal((await world.send(path, { headers: { accept: "text/html" } })).status, 406);
    });

  it("is refused where only the head of an object is asked for", async () => {
    for (const path of [
      maps,
      `${maps}/a`,
      "/api/v1/namespaces/default",
      "/api/v1/namespaces/default/pods/a/log",
      ...["/version", "/api", "/api/v1/", "/apis/apps/v1"],
    ])
      assert.equal((await world.send(path, { method: "HEAD" })).status, 405, path);
    for (const path of ["/healthz", "/openapi/v2", "/apis/apps", "/apis", "/openapi/v3"])
      assert.equal((await world.send(path, { method: "HEAD" })).status, 200, path);
  });

  const types = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
  for (const [path, said] of [
    ["/version", "406: Not Acceptable\n\nAvailable representations: application/json"],
    ["/apis/apps/v1", `406: Not Acceptable\n\nAvailable representations: ${types}`],
    ["/apis/apps", `only the following media types are accepted: ${types}`],
  ] as const)
    it(`cannot have ${path} as a page`, async () => {
      const { status, json } = await world.send(path, { headers: { accept: "text/html" } });
      assert.deepEqual([status, json.message], [406, said]);
      assert.equal((await world.send(path, { headers: { accept: "text/html, */*;q=0.1" } })).status, 200);
    });
});
