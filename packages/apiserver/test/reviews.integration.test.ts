/** Questions about who may do what, as upstream takes and refuses them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing, type Reply } from "./api-world.ts";

describe("a review", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  const ask = (path: string, body: object): Promise<Reply> =>
    world.send(`/apis/authorization.k8s.io/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  before(async () => {
    world = await new ApiWorld().start();
  });
  after(() => world[Symbol.asyncDispose]());

  const selectors: readonly (readonly [selector: object, said: RegExp])[] = [
    [
      { rawSelector: "a=b", requirements: [{ key: "a", operator: "Exists" }] },
      /may not specified at the same time/,
    ],
    [{}, /Selector.requirements: Required value: when spec.resourceAttributes.\w+ is specified/],
    [{ requirements: [{ key: "a", operator: "In" }] }, /requirements\[0\].values: Required value/],
    [{ requirements: [{ operator: "Later" }] }, /requirements\[0\].key: (Required|Invalid) value/],
  ];
  for (const member of ["fieldSelector", "labelSelector"])
    for (const [selector, said] of selectors)
      it(`is not asked about a ${member} of ${JSON.stringify(selector)}`, async () => {
        const resourceAttributes = { verb: "list", resource: "pods", [member]: selector };
        const spec = { user: "bob", resourceAttributes };
        const { status, json } = await ask("subjectaccessreviews", { spec });
        assert.equal(status, 422);
        assert.match(json.message, said);
      });

  const metadata: readonly (readonly [path: string, metadata: object, code: number])[] = [
    ["subjectaccessreviews", { namespace: "default" }, 201],
    ["subjectaccessreviews", { labels: { a: "b" } }, 422],
    ["selfsubjectaccessreviews", { name: "a" }, 422],
    ["namespaces/default/localsubjectaccessreviews", { namespace: "default" }, 201],
    ["namespaces/default/localsubjectaccessreviews", { generateName: "a" }, 422],
    ["selfsubjectrulesreviews", { name: "a" }, 201],
  ];
  for (const [path, meta, code] of metadata)
    it(`answers ${path} with ${JSON.stringify(meta)} by ${code}`, async () => {
      const attributes = { verb: "get", resource: "pods", namespace: "default" };
      const user = path.startsWith("self") ? {} : { user: "bob" };
      const spec = path.endsWith("rulesreviews")
        ? { namespace: "default" }
        : { ...user, resourceAttributes: attributes };
      const answer = await ask(path, { metadata: meta, spec });
      assert.equal(answer.status, code);
      if (code === 422) assert.match(answer.json.message, /metadata: Invalid value: {.*}: must be empty/);
    });
});
