/** What Go's encoder writes ends in a new line; what is indented for people or is a document does not. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing } from "./api-world.ts";

const things = "/apis/lab.example/v1/namespaces/default/gadgets";
const plain = "application/json";
const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

const answers: readonly (readonly [path: string, accept: string, ends: boolean])[] = [
  [things, plain, true],
  [`${things}?limit=1`, plain, true],
  [`${things}/one`, plain, true],
  [`${things}/none`, plain, true],
  [`${things}/one`, table, true],
  ["/api/v1/namespaces/default/nothings", plain, true],
  ["/api", aggregated, true],
  ["/apis", plain, true],
  ["/api/v1", plain, true],
  ["/version", plain, false],
  ["/", plain, false],
  ["/openapi/v3", plain, false],
];

describe("the end of an answer", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  before(async () => {
    world = await new ApiWorld().start();
    for (const name of ["one", "two"]) {
      const thing = { apiVersion: "lab.example/v1", kind: "Gadget", metadata: { name }, spec: { size: 1 } };
      const sent = { method: "POST", headers: { "content-type": plain }, body: JSON.stringify(thing) };
      assert.equal((await world.send(things, sent)).status, 201);
    }
  });
  after(() => world[Symbol.asyncDispose]());

  for (const [path, accept, ends] of answers)
    it(`${path} as ${accept} is ${ends ? "a new line" : "its last brace"}`, async () => {
      const { text, headers } = await world.send(path, { headers: { accept } });
      assert.equal(text.endsWith("}\n"), ends);
      assert.equal(Number(headers["content-length"]), Buffer.byteLength(text));
      const people = await world.send(path, { headers: { accept, "user-agent": "curl/8" } });
      assert.ok(people.text.endsWith("\n}"));
    });

  it("says of a resource that there is not what upstream says", async () => {
    const { json } = await world.send("/api/v1/namespaces/default/nothings");
    assert.deepEqual(json.details, {});
  });
});
