import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { type Clock, instant, SeededRandom, SystemClock, seconds } from "@selvedge/base";
import { ObjectRegistry } from "../rest/object-registry.ts";
import { SqliteStore } from "../store/sqlite-store.ts";
import { bootstrapTokens } from "./bootstrap-tokens.ts";
import { tokenPart } from "./review-kinds.ts";
import { ServiceAccountTokens, type TokenKey } from "./service-account-tokens.ts";

function kind(name: string, namespaced = true): KindDefinition {
  const plural = `${name.toLowerCase()}s`;
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true } as const;
  return {
    ...{ group: "", version: "v1", kind: name, plural, singular: name.toLowerCase(), namespaced },
    ...{ columns: [], schema: open, unconditionalUpdate: true },
  };
}

const kinds = [kind("ServiceAccount"), kind("Secret"), kind("Pod"), kind("Node", false)] as const;
const [accounts, secrets, pods, nodes] = kinds;
const issuer = "https://issuer.example";
const robot = { namespace: "shop", name: "robot" };

function key(): TokenKey {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }) as {
    privateKey: KeyObject;
    publicKey: KeyObject;
  };
}

class World {
  now: number = Date.parse("2026-05-01T00:00:00Z");
  readonly clock: Clock = Object.assign(new SystemClock(), { now: () => instant(this.now) });
  readonly objects: ObjectRegistry = new ObjectRegistry(
    ...([kinds, new SqliteStore(":memory:"), this.clock, new SeededRandom(1)] as const),
  );
  readonly keys: readonly TokenKey[] = [key()];
  readonly tokens: ServiceAccountTokens = this.with(this.keys);

  with(keys: readonly TokenKey[]): ServiceAccountTokens {
    const { objects, clock } = this;
    return new ServiceAccountTokens({ objects, keys, issuer, clock, random: new SeededRandom(2) });
  }

  async make(of: KindDefinition, name: string, more: object = {}, namespace = "shop"): Promise<KubeObject> {
    const metadata = of.namespaced ? { name, namespace } : { name };
    return await this.objects.create(of, { apiVersion: "v1", kind: of.kind, metadata, ...more });
  }

  async who(token: string, audiences?: string[]): Promise<string | undefined> {
    const credentials = { certificate: undefined, bearerToken: token, ...(audiences && { audiences }) };
    return (await this.tokens.authenticate(credentials))?.user.name;
  }
}

async function world(): Promise<World> {
  const made = new World();
  await made.make(accounts, "robot");
  return made;
}

const name = "system:serviceaccount:shop:robot";

describe("a token of a ServiceAccount", () => {
  it("says whose it is", async () => {
    const { tokens, objects } = await world();
    const { token } = await tokens.issue(robot, {});
    const identity = await tokens.authenticate({ certificate: undefined, bearerToken: token });
    const { uid } = (await objects.get(accounts, "robot", "shop")).metadata;
    assert.deepEqual(identity?.audiences, [issuer]);
    assert.deepEqual(
      { ...identity?.user, extra: undefined },
      { name, uid, groups: ["system:serviceaccounts", "system:serviceaccounts:shop"], extra: undefined },
    );
    assert.match(identity?.user.extra?.["authentication.kubernetes.io/credential-id"]?.[0] ?? "", /^JTI=/);
  });

  it("ends when it has said it would", async () => {
    const w = await world();
    const { token, expires } = await w.tokens.issue(robot, { expirationSeconds: 600 });
    assert.equal(expires, w.now + 600_000);
    w.now += 599_000;
    assert.equal(await w.who(token), name);
    w.now += 2_000;
    assert.equal(await w.who(token), undefined);
    assert.equal(
      await w.with(w.keys).authenticate({ certificate: undefined, bearerToken: token }),
      undefined,
    );
  });

  it("is good for the audiences it names, and no other", async () => {
    const w = await world();
    const { token } = await w.tokens.issue(robot, { audiences: ["vault", "till"] });
    assert.equal(await w.who(token), undefined);
    assert.equal(await w.who(token, ["other", "till"]), name);
    assert.equal(await w.who(token, ["other"]), undefined);
  });

  it("ends with its account, though another of the name comes", async () => {
    const w = await world();
    const { token } = await w.tokens.issue(robot, {});
    await w.objects.delete(accounts, "robot", "shop");
    assert.equal(await w.who(token), undefined);
    await w.make(accounts, "robot");
    assert.equal(await w.who(token), undefined);
  });

  it("ends with what it is bound to", async () => {
    const w = await world();
    const secret = await w.make(secrets, "holder");
    const { uid = "" } = secret.metadata;
    const boundObjectRef = { kind: "Secret", apiVersion: "v1", name: "holder" };
    await assert.rejects(w.tokens.issue(robot, { boundObjectRef: { ...boundObjectRef, uid: "x" } }), {
      code: 409,
    });
    const { token } = await w.tokens.issue(robot, { boundObjectRef: { ...boundObjectRef, uid } });
    assert.equal(await w.who(token), name);
    await w.objects.delete(secrets, "holder", "shop");
    assert.equal(await w.who(token), undefined);
  });

  it("of a Pod tells the Pod and its node, and lasts while the Pod shuts down", async () => {
    const w = await world();
    await w.make(nodes, "box");
    await w.make(pods, "web", { spec: { serviceAccountName: "robot", nodeName: "box" } });
    await w.make(pods, "other", { spec: {} });
    const pod = (called: string): object => ({
      boundObjectRef: { kind: "Pod", apiVersion: "v1", name: called },
    });
    await assert.rejects(w.tokens.issue(robot, pod("other")), {
      ...{ code: 400, message: /cannot bind token for serviceaccount "robot" to pod running with different/ },
    });
    const { token } = await w.tokens.issue(robot, pod("web"));
    const { user } = (await w.tokens.authenticate({ certificate: undefined, bearerToken: token })) ?? {};
    assert.deepEqual(user?.extra?.["authentication.kubernetes.io/node-name"], ["box"]);
    assert.deepEqual(user?.extra?.["authentication.kubernetes.io/pod-name"], ["web"]);
    await w.objects.patch(pods, "web", "shop", "merge", { metadata: { finalizers: ["a/b"] } });
    await w.objects.delete(pods, "web", "shop");
    w.now += seconds(59);
    assert.equal(await w.who(token), name);
    w.now += seconds(2);
    assert.equal(await w.who(token), undefined);
  });

  it("is made for no other things, for no account that is not there, and not for a moment", async () => {
    const w = await world();
    const boundObjectRef = { kind: "Deployment", apiVersion: "apps/v1", name: "a" };
    await assert.rejects(w.tokens.issue(robot, { boundObjectRef }), {
      message: "cannot bind token to object of type apps/v1, Kind=Deployment",
    });
    await assert.rejects(w.tokens.issue({ ...robot, name: "none" }, {}), { code: 404 });
    await assert.rejects(w.tokens.issue(robot, { expirationSeconds: 599 }), {
      ...{
        code: 422,
        message: /spec.expirationSeconds: Invalid value: 599: may not specify a duration less/,
      },
    });
  });

  it("is given what nobody asked for, which whoever renews it is told", async () => {
    const { tokens } = await world();
    const spec: Record<string, unknown> = {};
    const posted = { spec, kind: "TokenRequest", metadata: { name: "robot" } } as unknown as KubeObject;
    await tokenPart(tokens).answer(posted, robot);
    assert.deepEqual(posted["spec"], { audiences: tokens.audiences, expirationSeconds: 3600 });
  });

  it("is known when its key is an older one, and not when it is nobody's", async () => {
    const w = await world();
    const { token } = await w.tokens.issue(robot, {});
    const [old] = w.keys as [TokenKey];
    const credentials = { certificate: undefined, bearerToken: token };
    const after = w.with([key(), { publicKey: old.publicKey }]);
    assert.equal((await after.authenticate(credentials))?.user.name, name);
    assert.equal(await w.with([key()]).authenticate(credentials), undefined);
    assert.equal((await after.jwks()).keys.length, 2);
  });

  it("cannot be forged", async () => {
    const w = await world();
    const { token } = await w.tokens.issue(robot, {});
    const [head = "", body = "", signature = ""] = token.split(".");
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const { kid } = JSON.parse(Buffer.from(head, "base64url").toString());
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    const spki = (w.keys[0] as TokenKey).publicKey.export({ type: "spki", format: "pem" });
    const hmac = (text: string): string => createHmac("sha256", spki).update(text).digest("base64url");
    const asHmac = `${part({ alg: "HS256", kid })}.${body}`;
    const forged = [
      `${part({ alg: "none", kid })}.${body}.`,
      `${asHmac}.${hmac(asHmac)}`,
      `${head}.${part({ ...claims, sub: "system:serviceaccount:kube-system:root" })}.${signature}`,
      `${head}.${body}.${signature.slice(0, -4)}AAAA`,
      `${part({ alg: "ES256", kid: "other" })}.${body}.${signature}`,
      ...["", "a.b.c", head, `${head}.${body}`],
    ];
    for (const one of forged) assert.equal(await w.who(one), undefined, one);
  });
});

describe("a bootstrap token", () => {
  const text = "abcdef.0123456789abcdef";
  const base64 = (value: string): string => Buffer.from(value).toString("base64");
  const rows: readonly [what: string, change: Record<string, string>, type: string, good: boolean][] = [
    ["is good", {}, "bootstrap.kubernetes.io/token", true],
    [
      "is not good when it is for something else",
      { "usage-bootstrap-authentication": "false" },
      "bootstrap.kubernetes.io/token",
      false,
    ],
    [
      "is not good when it has expired",
      { expiration: "2026-04-30T23:59:59Z" },
      "bootstrap.kubernetes.io/token",
      false,
    ],
    [
      "is good before it expires",
      { expiration: "2026-05-01T00:00:01Z" },
      "bootstrap.kubernetes.io/token",
      true,
    ],
    ["is not good when its end is unclear", { expiration: "soon" }, "bootstrap.kubernetes.io/token", false],
    [
      "is not good when its secret is another",
      { "token-secret": "0123456789abcdeX" },
      "bootstrap.kubernetes.io/token",
      false,
    ],
    ["is not good when its Secret is of another type", {}, "Opaque", false],
  ];
  for (const [what, change, type, good] of rows) {
    it(what, async () => {
      const w = await world();
      const data = {
        ...{
          "token-id": "abcdef",
          "token-secret": "0123456789abcdef",
          "usage-bootstrap-authentication": "true",
        },
        ...{ "auth-extra-groups": "system:bootstrappers:boxes,system:masters" },
        ...change,
      };
      const encoded = Object.fromEntries(
        Object.entries(data).map(([field, value]) => [field, base64(value)]),
      );
      await w.make(secrets, "bootstrap-token-abcdef", { type, data: encoded }, "kube-system");
      const authenticator = bootstrapTokens(w.objects, w.clock);
      const identity = await authenticator.authenticate({ certificate: undefined, bearerToken: text });
      const expected = {
        user: {
          name: "system:bootstrap:abcdef",
          groups: ["system:bootstrappers", "system:bootstrappers:boxes"],
        },
      };
      assert.deepEqual(identity, good ? expected : undefined);
    });
  }
});
