/**
 * A shop deployed by the programs of others that keep a cluster as a folder has it: Argo CD's gitops-engine, which
 * holds a copy of everything and compares, and Flux's server-side apply, which asks the server what it would change.
 * Both make it, find nothing to do, mend what somebody changed, and take away what the folder no longer has.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { accessOf, isReason, type KindRef } from "@selvedge/client";
import { parse } from "yaml";
import { KubeConnection } from "../../packages/cli/src/kube.ts";
import { ControllerProcess } from "../../packages/controller/test/controller-process.ts";
import { buildLargeGo } from "./go-program.ts";

const program = buildLargeGo("gitops");

const counters: KindRef = {
  ...{ group: "shop.example.com", version: "v1", kind: "Counter", plural: "counters", namespaced: true },
};
const maps: KindRef = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps", namespaced: true };
const services: KindRef = { group: "", version: "v1", kind: "Service", plural: "services", namespaced: true };
const deployments: KindRef = {
  ...{ group: "apps", version: "v1", kind: "Deployment", plural: "deployments", namespaced: true },
};

/** Nothing in it asks for a node. */
const shop = `
apiVersion: v1
kind: Namespace
metadata: { name: NAMESPACE }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: counters.shop.example.com }
spec:
  group: shop.example.com
  scope: Namespaced
  names: { plural: counters, singular: counter, kind: Counter, listKind: CounterList }
  versions:
    - name: v1
      served: true
      storage: true
      subresources: { status: {} }
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              x-kubernetes-validations: [{ rule: "self.lanes.all(l, l.name != '')" }]
              properties:
                open: { type: boolean, default: true }
                lanes:
                  type: array
                  maxItems: 10
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [name]
                  items:
                    type: object
                    required: [name]
                    properties: { name: { type: string, maxLength: 20 }, speed: { x-kubernetes-int-or-string: true } }
            status: { type: object, x-kubernetes-preserve-unknown-fields: true }
---
apiVersion: shop.example.com/v1
kind: Counter
metadata: { name: front, namespace: NAMESPACE }
spec: { lanes: [{ name: left, speed: 1 }, { name: right, speed: 50% }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: NAMESPACE }
data: { currency: EUR }
---
apiVersion: v1
kind: Service
metadata: { name: front, namespace: NAMESPACE }
spec: { selector: { app: front }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: front, namespace: NAMESPACE }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: front, namespace: NAMESPACE }
rules: [{ apiGroups: [shop.example.com], resources: [counters], verbs: [get, list, watch] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: front, namespace: NAMESPACE }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: front }
subjects: [{ kind: ServiceAccount, name: front, namespace: NAMESPACE }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: front, namespace: NAMESPACE }
spec:
  replicas: 0
  selector: { matchLabels: { app: front } }
  template:
    metadata: { labels: { app: front } }
    spec:
      serviceAccountName: front
      containers: [{ name: web, image: registry.example/web:1, resources: { limits: { cpu: "1", memory: 1024Mi } } }]
`;

/** What only the first state of the folder has. */
const season = `
apiVersion: v1
kind: ConfigMap
metadata: { name: season, namespace: NAMESPACE }
data: { name: winter }
`;

describe("a folder of manifests", { skip: typeof program === "string" ? program : false }, () => {
  const controller = new ControllerProcess();
  before(() => controller.start());
  after(() => controller[Symbol.asyncDispose]());

  for (const who of ["argo", "flux"]) {
    it(`is kept by ${who}`, async () => {
      assert.ok(typeof program === "function");
      using folder = new Folder();
      using connection = new KubeConnection(
        accessOf(parse(readFileSync(controller.kubeconfig, "utf8")), controller.kubeconfig),
      );
      const { objects } = connection;
      const namespace = `shop-${who}`;
      const deploy = (): readonly string[] => program([who, controller.kubeconfig, folder.path]);
      const revisions = async (): Promise<readonly (string | undefined)[]> => {
        const all = await Promise.all(
          [maps, services, deployments, counters].map((kind) => objects.list(kind, { namespace })),
        );
        return all.flatMap(({ items }) => items.map(({ metadata }) => metadata.resourceVersion));
      };

      folder.write("shop.yaml", shop.replaceAll("NAMESPACE", namespace));
      folder.write("season.yaml", season.replaceAll("NAMESPACE", namespace));
      // Argo's engine looks kinds up once: what a definition of the folder makes possible is the next run's.
      deploy();
      const made = deploy();
      assert.deepEqual(
        made.filter((line) => line.startsWith("SyncFailed")),
        [],
      );
      const counter = await objects.get<KubeObject & { spec: unknown }>(counters, "front", namespace);
      const lanes = [
        { name: "left", speed: 1 },
        { name: "right", speed: "50%" },
      ];
      assert.deepEqual(counter.spec, { open: true, lanes });

      const before = await revisions();
      deploy();
      assert.deepEqual(await revisions(), before, "what is as it should be is not written again");

      await objects.patch(maps, "settings", namespace, "merge", { data: { currency: "DEM" } });
      await objects.patch(counters, "front", namespace, "merge", {
        spec: { lanes: [{ name: "left", speed: 9 }] },
      });
      folder.remove("season.yaml");
      const mended = deploy();
      const settings = await objects.get<KubeObject & { data: unknown }>(maps, "settings", namespace);
      assert.deepEqual(settings.data, { currency: "EUR" }, mended.join("\n"));
      const again = await objects.get<KubeObject & { spec: unknown }>(counters, "front", namespace);
      assert.deepEqual(again.spec, { open: true, lanes });
      await assert.rejects(objects.get(maps, "season", namespace), (error) => isReason(error, "NotFound"));
    });
  }
});

class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "selvedge-gitops-"));

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  remove(name: string): void {
    rmSync(join(this.path, name));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
