/** What one client may take from others, and what is written down of them, over HTTP. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAuditPolicy } from "@selvedge/apiserver";
import { SystemClock } from "@selvedge/base";
import { AccessWorld } from "./access-world.ts";

const maps = "/api/v1/namespaces/default/configmaps";

describe("a client that asks for too much", () => {
  it("keeps nobody else waiting behind it", async () => {
    await using world = await AccessWorld.start(new SystemClock(), { seats: 8 });
    const data = { text: "x".repeat(2_000) };
    for (let number = 0; number < 50; number++) {
      await world.make("configmaps", { metadata: { name: `map-${number}`, namespace: "default" }, data });
    }
    const bind = async (name: string): Promise<void> => {
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
      const subjects = [{ kind: "User", name }];
      await world.make("clusterrolebindings", { metadata: { name }, roleRef, subjects });
    };
    await bind("greedy");
    await bind("modest");
    // Several connections, as several programs of one user have.
    const greedy = await Promise.all(
      [1, 2, 3, 4].map(async () => ({ certificate: await world.certify("greedy") })),
    );
    const modest = { certificate: await world.certify("modest") };
    for (const one of [modest, ...greedy]) await world.send(one, { method: "GET", path: `${maps}/map-1` });

    const statuses: number[] = [];
    const flood = greedy.flatMap((one) =>
      Array.from({ length: 200 }, async () => {
        statuses.push((await world.send(one, { method: "GET", path: maps })).status);
      }),
    );
    const asked = 10;
    for (let number = 0; number < asked; number++) {
      const { status } = await world.send(modest, { method: "GET", path: `${maps}/map-${number}` });
      assert.equal(status, 200);
    }
    const answered = statuses.filter((status) => status === 200).length;
    await Promise.all(flood);
    // In the order they came, all of the flood would have been before the second of the ten.
    assert.ok(answered < 200, `${answered} of the flood were answered before ten requests of another`);
    const refused = statuses.filter((status) => status === 429);
    assert.ok(refused.length > 0, "nothing of the flood was refused");
    assert.equal(statuses.filter((status) => status === 200).length + refused.length, flood.length);
  });

  it("is told when to come again, in a Status", async () => {
    await using world = await AccessWorld.start(new SystemClock(), { seats: 1 });
    const roots = await Promise.all(
      [1, 2, 3, 4].map(async () => ({ certificate: await world.certify("root", "system:masters") })),
    );
    for (const one of roots) await world.send(one, { method: "GET", path: maps });
    const all = await Promise.all(
      roots.flatMap((one) =>
        Array.from({ length: 240 }, () => world.send(one, { method: "GET", path: maps })),
      ),
    );
    const refused = all.find(({ status }) => status === 429);
    assert.equal(refused?.headers["retry-after"], "1");
    assert.deepEqual([refused?.json.reason, refused?.json.details.retryAfterSeconds], ["TooManyRequests", 1]);
  });

  it("sends no more than 3 MiB at once", async () => {
    await using world = await AccessWorld.start(new SystemClock());
    const root = { certificate: await world.certify("root", "system:masters") };
    const body = { metadata: { name: "a" }, data: { a: "x".repeat(3 * 1024 * 1024) } };
    assert.equal((await world.send(root, { method: "POST", path: maps, body })).status, 413);
  });
});

describe("the audit log", () => {
  it("has who did what, as whom, why they might, and what came of it", async () => {
    // biome-ignore lint/suspicious/noExplicitAny: events of every shape are looked into
    const events: any[] = [];
    const sink = { write: (line: string): void => void events.push(JSON.parse(line)) };
    const policy = parseAuditPolicy({
      ...{
        apiVersion: "audit.k8s.io/v1",
        kind: "Policy",
        omitStages: ["RequestReceived"],
        omitManagedFields: true,
      },
      rules: [
        { level: "None", nonResourceURLs: ["/version"] },
        { level: "Metadata", resources: [{ group: "", resources: ["secrets"] }] },
        { level: "RequestResponse", resources: [{ group: "", resources: ["configmaps"] }] },
        { level: "Metadata" },
      ],
    });
    await using world = await AccessWorld.start(new SystemClock(), { audit: { policy, sink } });
    const root = { certificate: await world.certify("root", "system:masters") };
    const event = async (isIt: (one: (typeof events)[0]) => boolean): Promise<(typeof events)[0]> => {
      await world.until(async () => events.some(isIt));
      return events.find(isIt);
    };
    const { headers } = await world.send(root, {
      ...{ method: "POST", path: maps, body: { metadata: { name: "a" }, data: { b: "c" } } },
    });
    const made = await event(({ auditID }) => auditID === headers["audit-id"]);
    assert.deepEqual([made.level, made.stage, made.verb], ["RequestResponse", "ResponseComplete", "create"]);
    assert.deepEqual(made.user, { username: "root", groups: ["system:masters", "system:authenticated"] });
    assert.deepEqual(made.objectRef, { resource: "configmaps", namespace: "default", apiVersion: "v1" });
    assert.deepEqual([made.requestObject.data, made.responseObject.data], [{ b: "c" }, { b: "c" }]);
    assert.equal(made.responseObject.metadata.managedFields, undefined);
    assert.equal(made.responseStatus.code, 201);
    assert.equal(made.annotations["authorization.k8s.io/decision"], "allow");

    const secrets = "/api/v1/namespaces/default/secrets";
    const secret = { metadata: { name: "s" }, stringData: { password: "do not tell" } };
    await world.send(root, { method: "POST", path: secrets, body: secret });
    await event(({ objectRef }) => objectRef?.resource === "secrets");
    assert.ok(!JSON.stringify(events).includes("do not tell"));

    const asBob = { ...root, headers: { "impersonate-user": "bob", "audit-id": "my-own" } };
    assert.equal((await world.send(asBob, { method: "GET", path: secrets })).headers["audit-id"], "my-own");
    const refused = await event(({ auditID }) => auditID === "my-own");
    assert.deepEqual([refused.user.username, refused.impersonatedUser.username], ["root", "bob"]);
    assert.equal(refused.annotations["authorization.k8s.io/decision"], "forbid");
    assert.deepEqual([refused.responseStatus.code, refused.responseStatus.reason], [403, "Forbidden"]);

    await world.send({}, { method: "GET", path: maps });
    const stranger = await event(({ responseStatus }) => responseStatus.code === 401);
    assert.deepEqual(stranger.user, {});

    await world.send(root, { method: "GET", path: `${maps}?watch=1` });
    const watch = (stage: string): Promise<unknown> =>
      event((one) => one.verb === "watch" && one.stage === stage && one.objectRef.resource === "configmaps");
    await watch("ResponseStarted");
    await watch("ResponseComplete");
    await world.send(root, { method: "GET", path: "/version" });
    assert.ok(!events.some(({ requestURI }) => requestURI === "/version"));

    for (const name of ["long", "longer", "longest", "more"])
      await world.send(root, {
        ...{ method: "POST", path: maps, body: { metadata: { name }, data: { a: "x".repeat(900_000) } } },
      });
    const list = { method: "GET", path: `${maps}?limit=9`, headers: { "audit-id": "pieces" } };
    await world.send({ ...root, headers: list.headers }, list);
    const long = await event(({ auditID }) => auditID === "pieces");
    assert.deepEqual([long.responseObject, long.annotations["audit.k8s.io/truncated"]], [undefined, "true"]);
  });
});

describe("a review by hand", () => {
  it("is answered so that a person can read it", async () => {
    await using world = await AccessWorld.start(new SystemClock());
    const root = { certificate: await world.certify("root", "system:masters") };
    const review = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    const attributes = { verb: "list", resource: "pods", namespace: "default" };
    const body = { spec: { user: "ann", groups: ["system:masters"], resourceAttributes: attributes } };
    const asked = { method: "POST", path: review, body };
    const text = async (headers: Record<string, string>, query = ""): Promise<string> => {
      const { response } = await world.raw(root, { ...asked, path: `${review}${query}`, headers });
      return response;
    };
    assert.match(await text({ "user-agent": "curl/8.5.0" }), /^ {4}"allowed": true,$/m);
    assert.match(await text({}, "?pretty=1"), /^ {4}"allowed": true,$/m);
    assert.match(await text({ "user-agent": "curl/8.5.0" }, "?pretty=false"), /"allowed":true/);
    assert.match(await text({}), /"allowed":true/);
  });
});
