import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ObjectRegistry, SqliteStore } from "@selvedge/apiserver";
import { SeededRandom } from "@selvedge/base";
import { allKinds, type Pod, type PodSpec, podKind, serviceAccountKind } from "@selvedge/kinds";
import { ManualClock } from "../../test/manual-clock.ts";
import { InProcessObjects } from "../in-process-objects.ts";
import { ensureStandardObjects } from "../standard-objects.ts";
import { accountAdmission } from "./account-admission.ts";

const place = "/var/run/secrets/kubernetes.io/serviceaccount";
const container = { name: "main", image: "web:1" };

/** A Pod as it is stored, in a namespace with an account that wants no tokens; also after a manifest replaced it. */
async function stored(spec: Partial<PodSpec>, replacement?: Partial<PodSpec>): Promise<PodSpec> {
  const random = new SeededRandom(3);
  const registry = new ObjectRegistry(allKinds, new SqliteStore(":memory:"), new ManualClock(), random);
  const objects = new InProcessObjects(registry);
  registry.admission.add(accountAdmission(registry, random));
  await ensureStandardObjects(objects);
  const metadata = { name: "quiet", namespace: "default" };
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false };
  await objects.create(serviceAccountKind, account);
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default" } };
  const made = { ...pod, spec: { containers: [container], ...spec } };
  const created = ((await objects.create(podKind, made)) as Pod).spec;
  if (replacement === undefined) return created;
  const replaced = { ...pod, spec: { containers: [container], ...replacement } };
  return ((await objects.update(podKind, replaced)) as Pod).spec;
}

describe("a Pod's account", () => {
  it("is given to Pods before anybody has looked at them", async () => {
    for (const odd of [{ volumes: [{ emptyDir: {} }] }, { readinessGates: [{}] }])
      await assert.rejects(stored(odd as object), /^ApiError: Pod "p" is invalid: /);
  });

  it("is default, and a token of it is in every container, as upstream has it", async () => {
    const { volumes, containers, initContainers, ...spec } = await stored({
      initContainers: [{ name: "init", image: "web:1" }],
    });
    const name = volumes?.[0]?.name ?? "";
    assert.deepEqual([spec.serviceAccountName, spec.serviceAccount], ["default", "default"]);
    assert.match(name, /^kube-api-access-[a-z0-9]{5}$/);
    assert.deepEqual(volumes, [
      {
        name,
        projected: {
          defaultMode: 420,
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
            { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
            {
              downwardAPI: {
                items: [
                  { path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } },
                ],
              },
            },
          ],
        },
      },
    ]);
    const mounts = [...containers, ...(initContainers ?? [])].map(({ volumeMounts }) => volumeMounts);
    const mount = [{ name, readOnly: true, mountPath: place }];
    assert.deepEqual(mounts, [mount, mount]);
  });

  const rows: readonly (readonly [what: string, spec: Partial<PodSpec>, volumes: number])[] = [
    ["the Pod wants none", { automountServiceAccountToken: false }, 0],
    ["its account wants none", { serviceAccountName: "quiet" }, 0],
    [
      "its account wants none and the Pod one",
      { serviceAccountName: "quiet", automountServiceAccountToken: true },
      1,
    ],
    ["its account is not there yet", { serviceAccountName: "later" }, 1],
    [
      "something else is where it would be",
      {
        containers: [{ ...container, volumeMounts: [{ name: "own", mountPath: place }] }],
        volumes: [{ name: "own", emptyDir: {} }],
      },
      1,
    ],
    [
      "it is a copy of one that has it",
      {
        containers: [
          { ...container, volumeMounts: [{ name: "kube-api-access-abcde", mountPath: place }] },
          { name: "debug", image: "web:1" },
        ],
        volumes: [{ name: "kube-api-access-abcde", projected: { sources: [] } }],
      },
      1,
    ],
  ];
  for (const [what, spec, count] of rows) {
    it(`gives volumes where ${what}: ${count}`, async () => {
      const { volumes = [] } = await stored(spec);
      assert.equal(volumes.length, count);
    });
  }

  it("stays as it is when a manifest that says nothing of it replaces the Pod", async () => {
    const volumes = [{ name: "own", emptyDir: {} }];
    const containers = [{ ...container, volumeMounts: [{ name: "own", mountPath: "/own" }] }];
    const image = "web:2";
    const before = await stored({ containers, volumes });
    const after = await stored(
      { containers, volumes },
      { containers: [{ ...containers[0]!, image }], volumes },
    );
    assert.deepEqual(after, { ...before, containers: [{ ...before.containers[0], image }] });
    const refused = stored({}, { serviceAccountName: "quiet" });
    await assert.rejects(refused, /may not change fields/);
  });
});
