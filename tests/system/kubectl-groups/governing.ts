/** Commands about who may and about nodes: auth, certificate, token, cordon, drain, taint. */
import assert from "node:assert/strict";
import { run } from "../../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../../packages/harness/src/real/wait.ts";
import type { Group } from "./group.ts";

const auth: Group = async ({ kubectl, namespace, minor }) => {
  assert.equal((await kubectl.ok("auth", "can-i", "create", "pods")).trim(), "yes");
  const robot = `--as=system:serviceaccount:${namespace}:default`;
  const denied = await kubectl.run("auth", "can-i", "create", "pods", robot);
  assert.deepEqual([denied.code, denied.stdout.trim()], [1, "no"]);
  assert.match(
    await kubectl.refused("get", "pods", robot),
    /pods is forbidden: User "system:serviceaccount:\S+:default" cannot list resource "pods" in API group ""/,
  );
  assert.match(await kubectl.ok("auth", "can-i", "--list"), /\*\.\* +\[\] +\[\] +\[\*\]/);
  if (minor >= 28) assert.match(await kubectl.ok("auth", "whoami"), /system:masters/);
};

const reconcile: Group = async ({ kubectl, namespace, file }) => {
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "reconciled", namespace },
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
  };
  assert.match(await kubectl.ok("auth", "reconcile", "-f", await file("role.json", role)), /reconciled/);
};

const token: Group = async ({ kubectl, namespace }) => {
  const value = (await kubectl.ok("create", "token", "default", "--duration=1h")).trim();
  const [, claims = ""] = value.split(".");
  const { sub } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { sub: string };
  assert.equal(sub, `system:serviceaccount:${namespace}:default`);
};

const certificate: Group = async ({ kubectl, namespace, file }) => {
  const words =
    "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=crew/CN=ann -keyout /dev/null";
  const { stdout: pem } = await run("openssl", words.split(" "));
  const request = (name: string): unknown => ({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name },
    spec: {
      request: Buffer.from(pem).toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client",
      usages: ["client auth"],
    },
  });
  const [yes, no] = [`${namespace}-yes`, `${namespace}-no`];
  for (const name of [yes, no]) await kubectl.ok("apply", "-f", await file(`${name}.json`, request(name)));
  assert.match(await kubectl.ok("get", "csr", yes), /Pending/);
  assert.match(await kubectl.ok("certificate", "approve", yes), /approved/);
  assert.match(await kubectl.ok("certificate", "deny", no), /denied/);
  const issued = ["get", "csr", yes, "-o", "jsonpath={.status.certificate}"];
  await waitFor("the certificate", async () => (await kubectl.ok(...issued)) || undefined);
  assert.match(await kubectl.ok("get", "csr"), new RegExp(`${no} .*Denied[\\s\\S]*${yes} .*Approved,Issued`));
  await kubectl.ok("delete", "csr", yes, no);
};

const nodes: Group = async ({ kubectl, namespace, alone }) => {
  await alone(async () => {
    assert.match(await kubectl.ok("cordon", "node-1"), /cordoned/);
    assert.match(await kubectl.ok("get", "nodes"), /SchedulingDisabled/);
    assert.match(await kubectl.ok("uncordon", "node-1"), /uncordoned/);
    assert.match(await kubectl.ok("taint", "node", "node-1", "dusty=yes:PreferNoSchedule"), /tainted/);
    assert.match(await kubectl.ok("describe", "node", "node-1"), /Taints: +dusty=yes:PreferNoSchedule/);
    assert.match(await kubectl.ok("taint", "node", "node-1", "dusty-"), /untainted/);
    const drain = ["drain", "node-1", `--pod-selector=place=${namespace}`, "--timeout=90s"];
    assert.match(await kubectl.ok(...drain), /node\/node-1 drained/);
    await kubectl.ok("uncordon", "node-1");
  });
  await kubectl.ok("rollout", "status", "deploy/hello", "--timeout=120s");
};

export const governingGroups: Readonly<Record<string, Group>> = {
  auth,
  "auth reconcile": reconcile,
  "create token": token,
  certificate,
  "cordon, drain, taint": nodes,
};
