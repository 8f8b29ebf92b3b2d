/** Every verb on every kind by every kind of caller, over HTTP: no wrong answer. */
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { ServiceAccountTokens } from "@selvedge/apiserver";
import { type Clock, hours, instant, SeededRandom, SystemClock, seconds } from "@selvedge/base";
import { allKinds } from "@selvedge/kinds";
import { AccessWorld, type Caller, issuer } from "./access-world.ts";
import {
  everything,
  everywhere,
  type Model,
  node,
  nothing,
  type Question,
  robot,
  within,
} from "./authorization-model.ts";

/** How one asks, and what it is about. */
interface Row extends Question {
  readonly method: string;
  readonly path: string;
}

interface Cast {
  readonly who: string;
  readonly user: string;
  readonly caller: Caller;
  /** Undefined: nobody, who is told so. */
  readonly model: Model | undefined;
}

const shop = "shop";
const ours = {
  node: "box",
  namespace: shop,
  pod: "mine",
  secret: "own-secret",
  configMap: "own-map",
  account: "default",
};
const parts: Readonly<Record<string, readonly string[]>> = {
  pods: ["log", "exec", "attach", "portforward", "eviction", "ephemeralcontainers", "resize", "status"],
  serviceaccounts: ["token"],
};
const dry = "dryRun=All";

function rowsOf(): Row[] {
  const rows: Row[] = [];
  const kinds = [
    ...allKinds,
    { group: "metrics.k8s.io", version: "v1beta1", plural: "pods", namespaced: true },
    ...["selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"].map((plural) => ({
      ...{ group: "authorization.k8s.io", version: "v1", plural, namespaced: false },
    })),
    { group: "authorization.k8s.io", version: "v1", plural: "localsubjectaccessreviews", namespaced: true },
    ...["selfsubjectreviews", "tokenreviews"].map((plural) => ({
      ...{ group: "authentication.k8s.io", version: "v1", plural, namespaced: false },
    })),
    // What nobody serves is refused before that is told.
    { group: "unknown.example", version: "v1", plural: "things", namespaced: true },
  ];
  for (const kind of kinds) {
    const { group, version, plural, namespaced } = kind;
    const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    const add = (
      verb: string,
      method: string,
      namespace: string | undefined,
      name?: string,
      part?: string,
    ): void => {
      const where = namespaced && namespace !== undefined ? `/namespaces/${namespace}` : "";
      const path = `${root}${where}/${plural}${name ? `/${name}` : ""}${part ? `/${part}` : ""}`;
      // Nothing has the label: what may be deleted is nothing.
      const more = verb === "watch" ? "&watch=1" : verb === "deletecollection" ? "&labelSelector=none" : "";
      const resource = part ? `${plural}/${part}` : plural;
      const at = namespaced ? namespace : plural === "namespaces" ? name : undefined;
      rows.push({ verb, group, resource, namespace: at, name, method, path: `${path}?${dry}${more}` });
    };
    const status = "subresources" in kind && kind.subresources?.status ? ["status"] : [];
    const scale = "subresources" in kind && kind.subresources?.scale ? ["scale"] : [];
    const own =
      group === "" ? (parts[plural] ?? []) : plural === "certificatesigningrequests" ? ["approval"] : [];
    for (const namespace of namespaced ? [shop, "other"] : [undefined]) {
      for (const name of ["absent", ...namesOf(plural, namespace)]) {
        add("get", "GET", namespace, name);
        // What is there and may be changed would be: for that the name that is not is enough.
        if (name !== "absent" && !["box", ours.secret, ours.pod].includes(name)) continue;
        add("update", "PUT", namespace, name);
        add("patch", "PATCH", namespace, name);
        add("delete", "DELETE", namespace, name);
        for (const part of new Set([...status, ...scale, ...own])) {
          add("get", "GET", namespace, name, part);
          add("create", "POST", namespace, name, part);
          add("patch", "PATCH", namespace, name, part);
        }
      }
      add("list", "GET", namespace);
      add("create", "POST", namespace);
      add("deletecollection", "DELETE", namespace);
      add("watch", "GET", namespace);
    }
    if (namespaced) {
      add("list", "GET", undefined);
      add("watch", "GET", undefined);
    }
  }
  return rows;
}

/** Names that somebody has a right to, and others have not. */
function namesOf(plural: string, namespace: string | undefined): string[] {
  const here: Readonly<Record<string, readonly string[]>> = {
    ...{ pods: [ours.pod, "theirs"], secrets: [ours.secret], configmaps: [ours.configMap, "robots-map"] },
    ...{ serviceaccounts: [ours.account], nodes: ["box", "crate"], namespaces: [shop] },
  };
  return namespace === "other" ? [] : [...(here[plural] ?? [])];
}

/** What a refusal says, word for word. */
function refusal(user: string, { verb, group, resource, namespace, name }: Question): string {
  const [main = ""] = resource.split("/");
  const which = group === "" ? main : `${main}.${group}`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const cannot = `User "${user}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  return `${name === undefined ? which : `${which} "${name}"`} is forbidden: ${cannot}`;
}

async function furnish(world: AccessWorld): Promise<void> {
  for (const name of [shop, "other"]) await world.make("namespaces", { metadata: { name } });
  const there = (name: string, namespace = shop): { metadata: { name: string; namespace: string } } => ({
    metadata: { name, namespace },
  });
  await world.make("secrets", there(ours.secret));
  await world.make("configmaps", there(ours.configMap));
  await world.make("configmaps", there("robots-map"));
  await world.make("nodes", { metadata: { name: "box" } });
  await world.make("nodes", { metadata: { name: "crate" } });
  for (const [name, nodeName] of [
    [ours.pod, "box"],
    ["theirs", "crate"],
  ] as const) {
    const env = [{ name: "A", valueFrom: { secretKeyRef: { name: ours.secret, key: "a" } } }];
    const envFrom = [{ configMapRef: { name: ours.configMap } }];
    const own = name === ours.pod ? { env, envFrom } : {};
    const containers = [{ name: "c", image: "busybox", ...own }];
    await world.make("pods", { ...there(name), spec: { nodeName, containers } });
  }
  for (const [name, namespace] of [
    ["robot", shop],
    ["gone", shop],
  ] as const) {
    await world.make("serviceaccounts", there(name, namespace));
  }
  const rbac = "rbac.authorization.k8s.io";
  const bind = (name: string, role: string, subject: object, kind = "ClusterRole"): Promise<unknown> =>
    world.make("rolebindings", {
      ...{ ...there(name), roleRef: { apiGroup: rbac, kind, name: role }, subjects: [subject] },
    });
  for (const [user, role] of [
    ["adam", "admin"],
    ["eddy", "edit"],
    ["vera", "view"],
  ] as const) {
    await bind(user, role, { kind: "User", name: user });
  }
  await bind("developers", "edit", { kind: "Group", name: "developers" });
  const rules = [
    { verbs: ["get", "list"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["get", "update"], apiGroups: [""], resources: ["configmaps"], resourceNames: ["robots-map"] },
  ];
  await world.make("roles", { ...there("robot"), rules });
  await bind("robot", "robot", { kind: "ServiceAccount", name: "robot", namespace: shop }, "Role");
  for (const [name, role] of [
    ["ann", "cluster-admin"],
    ["vic", "view"],
  ] as const) {
    const roleRef = { apiGroup: rbac, kind: "ClusterRole", name: role };
    const subjects = [{ kind: "User", name }];
    await world.make("clusterrolebindings", { metadata: { name }, roleRef, subjects });
  }
  const impersonates = [
    { verbs: ["impersonate"], apiGroups: [""], resources: ["users"], resourceNames: ["vera"] },
  ];
  await world.make("clusterroles", { metadata: { name: "ian" }, rules: impersonates });
  await world.make("clusterrolebindings", {
    ...{ metadata: { name: "ian" }, roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "ian" } },
    subjects: [{ kind: "User", name: "ian" }],
  });
}

describe("who may do what", () => {
  const clock = new SystemClock();
  let world: AccessWorld;
  let cast: readonly Cast[] = [];

  const token = async (name: string, spec: object = {}): Promise<string> => {
    const path = `/api/v1/namespaces/${shop}/serviceaccounts/${name}/token`;
    const caller = { certificate: await world.certify("root", "system:masters") };
    const { json } = await world.send(caller, { method: "POST", path, body: { spec } });
    return json.status.token;
  };

  /** As the server signed it two hours ago, for one. */
  const expired = async (): Promise<string> => {
    const [privateKey] = world.pki.accountKeys();
    if (privateKey === undefined) throw new Error("there is no key");
    const keys = [{ privateKey, publicKey: createPublicKey(privateKey) }];
    const past = { now: () => instant(clock.now() - hours(2)) } as Clock;
    const random = new SeededRandom(3);
    const then = new ServiceAccountTokens({ objects: world.registry, keys, issuer, clock: past, random });
    return (await then.issue({ namespace: shop, name: "robot" }, {})).token;
  };

  before(async () => {
    world = await AccessWorld.start(clock);
    await furnish(world);
    const named = async (user: string, model: Model, ...groups: string[]): Promise<Cast> => ({
      ...{ who: user, user, model, caller: { certificate: await world.certify(user, ...groups) } },
    });
    const ian = await named("ian", nothing());
    const account = `system:serviceaccount:${shop}:robot`;
    const gone = await token("gone");
    await world.objects.delete(
      allKinds.find(({ plural }) => plural === "serviceaccounts") as never,
      ...(["gone", shop] as const),
    );
    cast = [
      { ...(await named("root", everything(), "system:masters")), who: "a member of system:masters" },
      { ...(await named("ann", everything())), who: "cluster-admin by a binding" },
      { ...(await named("adam", within("admin", shop))), who: "admin of a namespace" },
      { ...(await named("eddy", within("edit", shop))), who: "edit in a namespace" },
      { ...(await named("vera", within("view", shop))), who: "view in a namespace" },
      { ...(await named("vic", everywhere("view"))), who: "view everywhere" },
      { ...(await named("dora", within("edit", shop), "developers")), who: "edit by a group" },
      { ...(await named("nick", nothing())), who: "somebody without a role" },
      {
        ...{ who: "a ServiceAccount with a Role", user: account, caller: { token: await token("robot") } },
        model: robot(shop, "robots-map"),
      },
      { ...(await named("system:node:box", node(ours), "system:nodes")), who: "a node" },
      { ...(await named("box", nothing(), "system:nodes")), who: "a node that says no node's name" },
      { ...ian, who: "an impersonator as itself" },
      {
        ...{ who: "an impersonator as somebody else", user: "vera", model: within("view", shop) },
        caller: { ...ian.caller, headers: { "impersonate-user": "vera" } },
      },
      { who: "nobody", user: "", caller: {}, model: undefined },
      { who: "a made up token", user: "", caller: { token: "abc.def.ghi" }, model: undefined },
      { who: "a token of an account that is gone", user: "", caller: { token: gone }, model: undefined },
      { who: "a token that has expired", user: "", caller: { token: await expired() }, model: undefined },
      {
        ...{ who: "a token for somebody else", user: "", model: undefined },
        caller: { token: await token("robot", { audiences: ["vault"] }) },
      },
    ];
  });
  after(() => world[Symbol.asyncDispose]());

  it("is answered right for every verb, kind and caller", { timeout: seconds(300) }, async (context) => {
    const rows = rowsOf();
    let asked = 0;
    for (const { who, user, caller, model } of cast) {
      const wrong: string[] = [];
      const ask = async (row: Row): Promise<void> => {
        const { method, path } = row;
        const body = method === "GET" || method === "DELETE" ? undefined : {};
        const headers = method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {};
        const { status, json } = await world.send(caller, { method, path, headers, ...(body && { body }) });
        asked++;
        const expected = model === undefined ? 401 : model(row) ? "allowed" : 403;
        const actual = status === 401 || status === 403 ? status : status >= 500 ? status : "allowed";
        if (actual !== expected)
          wrong.push(`${method} ${path}: ${actual}, not ${expected}: ${json?.message}`);
        else if (expected === 403 && !json.message.startsWith(refusal(user, row))) {
          wrong.push(`${method} ${path}: ${json.message}, not ${refusal(user, row)}`);
        }
      };
      const left = [...rows];
      const worker = async (): Promise<void> => {
        for (let row = left.pop(); row !== undefined; row = left.pop()) await ask(row);
      };
      await Promise.all(Array.from({ length: 16 }, worker));
      assert.deepEqual(wrong, [], who);
    }
    context.diagnostic(`${asked} questions by ${cast.length} callers about ${rows.length} requests`);
  });
});
