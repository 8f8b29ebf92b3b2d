/** Webhooks that are asked about writes, as upstream's conformance tests ask them, under their own names. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing, type Reply, type RequestOptions } from "./api-world.ts";
import { type Answer, type Asked, deny, HookServer, patch } from "./hook-server.ts";

const group = "/apis/admissionregistration.k8s.io/v1";
const maps = "/api/v1/namespaces/default/configmaps";

const yes = { allowed: true };
/** As upstream's sample webhook answers. */
const answers: Readonly<Record<string, Answer>> = {
  "/always-deny": () => deny("this webhook denies all requests"),
  "/configmaps": ({ object, oldObject }: Asked) => {
    const { data = {} } = object ?? oldObject;
    return data["webhook-e2e-test"] === "webhook-disallow"
      ? deny("the configmap contains unwanted key and value")
      : yes;
  },
  "/mutating-configmaps": ({ object: { data = {} } }: Asked) => {
    const add = (name: string): object => patch({ op: "add", path: `/data/${name}`, value: "yes" });
    if (data["mutation-start"] === "yes" && data["mutation-stage-1"] !== "yes")
      return add("mutation-stage-1");
    return data["mutation-stage-1"] === "yes" ? add("mutation-stage-2") : yes;
  },
  "/never": () => undefined,
};

describe("conformance: admission webhooks", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  let hooks: HookServer;
  const made: string[] = [];
  before(async () => {
    world = await new ApiWorld().start();
    hooks = await new HookServer(answers).start();
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    await hooks[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    for (const path of made.splice(0)) await world.send(path, { method: "DELETE" });
    hooks.asked.length = 0;
  });

  const ask = async (path: string, code: number, options: RequestOptions = {}): Promise<Reply["json"]> => {
    const reply = await world.send(path, options);
    assert.equal(reply.status, code, `${options.method ?? "GET"} ${path}: ${reply.text}`);
    return reply.json;
  };
  const post = (path: string, body: object, code = 201): Promise<Reply["json"]> =>
    ask(path, code, { method: "POST", body: JSON.stringify(body) });
  const rule = (resource: string, ...operations: string[]): object => ({
    ...{ operations, apiGroups: ["*"], apiVersions: ["*"], resources: [resource] },
  });
  /** One webhook for each path; nobody else is asked when it returns. */
  const register = async (
    type: "mutating" | "validating",
    name: string,
    rules: object[],
    ...all: readonly (object & { readonly path: string })[]
  ): Promise<string> => {
    const kind = type === "mutating" ? "MutatingWebhookConfiguration" : "ValidatingWebhookConfiguration";
    const webhooks = all.map(({ path, ...more }, index) => ({
      ...{ name: `hook-${index}.${name}.example`, clientConfig: hooks.client(path), rules },
      ...{ sideEffects: "None", admissionReviewVersions: ["v1"], ...more },
    }));
    const path = `${group}/${kind.toLowerCase()}s`;
    made.push(`${path}/${name}`);
    await post(path, { apiVersion: "admissionregistration.k8s.io/v1", kind, metadata: { name }, webhooks });
    return `${path}/${name}`;
  };
  const configMap = (name: string, data: object, metadata: object = {}): object => ({
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data },
  });
  const bad = { "webhook-e2e-test": "webhook-disallow" };

  it("Admission webhook, deny create", async () => {
    await register("validating", "deny-create", [rule("configmaps", "CREATE", "UPDATE")], {
      path: "/configmaps",
    });
    const { message } = await post(maps, configMap("bad", bad), 400);
    const why = "the configmap contains unwanted key and value";
    assert.equal(message, `admission webhook "hook-0.deny-create.example" denied the request: ${why}`);
    made.push(`${maps}/good`);
    await post(maps, configMap("good", { admit: "this" }));
    const put = { method: "PUT", body: JSON.stringify(configMap("good", bad)) };
    assert.match((await ask(`${maps}/good`, 400, put)).message, /unwanted key/);
    const headers = { "content-type": "application/merge-patch+json" };
    const patched = { method: "PATCH", headers, body: JSON.stringify({ data: bad }) };
    assert.match((await ask(`${maps}/good`, 400, patched)).message, /unwanted key/);
  });

  it("Admission webhook, ordered mutation", async () => {
    const path = "/mutating-configmaps";
    await register("mutating", "ordered", [rule("configmaps", "CREATE")], { path }, { path });
    made.push(`${maps}/start`);
    const { data } = await post(maps, configMap("start", { "mutation-start": "yes" }));
    const stages = { "mutation-stage-1": "yes", "mutation-stage-2": "yes" };
    assert.deepEqual(data, { "mutation-start": "yes", ...stages });
  });
});
