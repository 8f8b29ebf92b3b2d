/** PUT and apply of what is not there: who is told what, and who may. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Authorizer } from "../src/index.ts";
import { ApiWorld, opensslMissing, type Reply, type RequestOptions } from "./api-world.ts";

const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const maps = "/api/v1/namespaces/default/configmaps";

/** Everybody may do everything but make what is not there, which root alone may. */
const authorizer: Authorizer = {
  authorize: ({ user, verb }) => ({ allowed: user.name === "root" || verb !== "create", reason: "" }),
};

describe("what is not there", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  const seen: string[] = [];
  const put = (
    path: string,
    {
      meta = {},
      spec = {},
      token = "root",
      query = "",
    }: Partial<Record<"meta" | "spec", object>> &
      Pick<RequestOptions, "token"> & { readonly query?: string } = {},
  ): Promise<Reply> =>
    world.send(path + query, {
      ...{ method: "PUT", headers: { "content-type": "application/json" }, token },
      body: JSON.stringify({ metadata: { name: path.split("/").at(-1), ...meta }, spec }),
    });
  const apply = (path: string, body: object, token = "root"): Promise<Reply> =>
    world.send(`${path}?fieldManager=me`, {
      ...{ method: "PATCH", headers: { "content-type": "application/apply-patch+yaml" }, token },
      body: JSON.stringify(body),
    });
  const map = (name: string, meta = {}): object => ({
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...meta } },
  });
  before(async () => {
    world = await new ApiWorld({ authorizer }).start();
    world.objects.admission.add({
      ...{ name: "Watchful", handles: ({ kind }) => kind.plural === "leases" },
      validate: ({ operation, name }) => void seen.push(`${operation} ${name}`),
    });
  });
  after(() => world[Symbol.asyncDispose]());

  it("is made by PUT, of kinds that have it so, whatever revision was seen", async () => {
    const dry = await put(`${leases}/one`, { query: "?dryRun=All" });
    const first = await put(`${leases}/one`, {
      meta: { resourceVersion: "7" },
      spec: { holderIdentity: "a" },
    });
    const { resourceVersion, managedFields } = first.json.metadata;
    const again = await put(`${leases}/one`, { meta: { resourceVersion } });
    assert.deepEqual([dry.status, first.status, again.status], [201, 201, 200]);
    assert.deepEqual(managedFields[0].fieldsV1, { "f:spec": { "f:holderIdentity": {} } });
    assert.deepEqual(seen, ["CREATE one", "CREATE one", "UPDATE one"]);
    assert.equal((await put(`${maps}/one`)).status, 404);
    assert.equal((await put(`${leases}/two/status`)).status, 404);
  });

  const refused: readonly (readonly [what: string, meta: object, code: number, message: RegExp])[] = [
    ["for another", { uid: "a" }, 409, /Precondition failed: UID in precondition: a, UID in object meta: $/],
    ["of no revision", { resourceVersion: "abc" }, 500, /^strconv.ParseUint: parsing "abc": invalid syntax$/],
    ["by a name that is none", { name: "A" }, 400, /^the name of the object \(A\) does not match/],
  ];
  for (const [what, meta, code, message] of refused)
    it(`is not made ${what}`, async () => {
      const { status, json } = await put(`${leases}/three`, { meta });
      assert.equal(status, code);
      assert.match(json.message, message);
    });

  it("is made by nobody who may only change things, by PUT or by apply", async () => {
    const cannot = (which: string, what: string, group: string): string =>
      [
        `${which} is forbidden: User "bob" cannot create resource "${what}"`,
        `in API group "${group}" in the namespace "default"`,
      ].join(" ");
    const lease = await put(`${leases}/four`, { token: "bob" });
    const dry = await put(`${leases}/four`, { token: "bob", query: "?dryRun=All" });
    const applied = await apply(`${maps}/four`, map("four"), "bob");
    const said = cannot('leases.coordination.k8s.io "four"', "leases", "coordination.k8s.io");
    assert.deepEqual(
      [lease, dry, applied].map(({ status, json }) => [status, json.message]),
      [
        [403, said],
        [403, said],
        [403, cannot('configmaps "four"', "configmaps", "")],
      ],
    );
    assert.equal((await put(`${leases}/four`)).status, 201);
    assert.equal((await apply(`${maps}/four`, map("four", { resourceVersion: "5" }))).status, 201);
    assert.equal((await apply(`${maps}/four`, map("four"), "bob")).status, 200);
  });
});
