import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ext } from "@selvedge/eve-api";
import type { EdgeNode, NetworkPolicy, Node, Pod, Service, Volume } from "@selvedge/kinds";
import { one, pod, type Rendered, render } from "../../test/render-one.ts";
import { assembleNode, planNode } from "./node-config.ts";

describe("volumes", () => {
  const text = (file: ext.File): string =>
    `${file.path} ${file.mode.toString(8)} ${Buffer.from(file.content)}`;
  const rows: readonly (readonly [string, Volume, string, readonly string[]])[] = [
    ["emptyDir", { name: "v", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } }, "emptyDir", []],
    [
      "a ConfigMap",
      { name: "v", configMap: { name: "settings", defaultMode: 0o600 } },
      "files",
      ["COLOR 600 red", "a=b 600 no name", "blob 600 \u0001\u0002", "size 600 3"],
    ],
    [
      "chosen keys",
      {
        name: "v",
        configMap: { name: "settings", items: [{ key: "COLOR", path: "conf/color", mode: 0o440 }] },
      },
      "files",
      ["conf/color 440 red"],
    ],
    [
      "the downward API",
      { name: "v", downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
      "files",
      ['labels 644 a="1"\nb="x \\"y\\""'],
    ],
    [
      "a projection without secrets",
      {
        name: "v",
        projected: { sources: [{ configMap: { name: "settings", items: [{ key: "size", path: "s" }] } }] },
      },
      "files",
      ["s 644 3"],
    ],
    ["an optional ConfigMap", { name: "v", configMap: { name: "absent", optional: true } }, "files", []],
  ];
  for (const [name, volume, kind, files] of rows) {
    it(`can be ${name}`, () => {
      const { extension } = render([pod({ volumes: [volume] }, { labels: { b: 'x "y"', a: "1" } })]);
      const source = extension.volumes[0]?.source;
      assert.equal(source?.case, kind);
      assert.deepEqual(source?.case === "files" ? source.value.files.map(text) : [], files);
    });
  }

  it("can be a claim's, by the volume of this node that it has, for reading only when the Pod says so", () => {
    const uid = "33333333-0000-4000-8000-000000000000";
    const spec = { claimRef: { namespace: "shop", name: "data" }, capacity: { storage: "1Mi" } };
    const nodeVolumes = [{ kind: "PersistentVolume", metadata: { name: "pv", uid }, spec }] as never;
    for (const readOnly of [false, true]) {
      const volumes: Volume[] = [{ name: "v", persistentVolumeClaim: { claimName: "data", readOnly } }];
      const mounting = one({ volumeMounts: [{ name: "v", mountPath: "/data" }] });
      const { app, config, extension } = render([pod({ ...mounting, volumes })], { nodeVolumes });
      assert.deepEqual(
        extension.volumes.map(({ source }) => source.case === "nodeVolume" && source.value.volumeId),
        [uid],
      );
      assert.equal(extension.containers[0]?.volumeMounts[0]?.readOnly, readOnly);
      assert.equal(app.volumeRefList.find((ref) => ref.uuid === uid)?.mountDir, "/data");
      assert.equal(config.volumes.find((volume) => volume.uuid === uid)?.maxsizebytes, 2n ** 20n);
    }
  });

  it("that hold a secret are sealed whole", () => {
    const volumes: Volume[] = [
      { name: "s", secret: { secretName: "login" } },
      {
        name: "p",
        projected: {
          sources: [
            { configMap: { name: "settings", items: [{ key: "size", path: "s" }] } },
            { secret: { name: "login", items: [{ key: "user", path: "u" }] } },
          ],
        },
      },
    ];
    const { extension, secrets: opened } = render([pod({ volumes })]);
    assert.deepEqual(
      extension.volumes.map(({ source }) => source.case),
      ["secretFiles", "secretFiles"],
    );
    assert.deepEqual(opened?.files["volume/s"]?.files.map(text), ["password 644 pw$1", "user 644 ann"]);
    assert.deepEqual(opened?.files["volume/p"]?.files.map(text), ["s 644 3", "u 644 ann"]);
  });

  it("that cannot be filled are a fault", () => {
    const { faults } = render([pod({ volumes: [{ name: "v", configMap: { name: "absent" } }] })]);
    assert.deepEqual(
      [faults[0]?.reason, faults[0]?.message],
      ["FailedMount", 'configmap "absent" not found'],
    );
  });
});

describe("ports and probes", () => {
  const web = one({ ports: [{ name: "http", containerPort: 8080, hostPort: 80 }] });
  const service = (spec: Service["spec"]): Service => ({
    ...{ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop", uid: "s" } },
    spec,
  });
  const maps = ({ app }: Rendered): string[] =>
    app.interfaces[0]?.acls.map(
      ({ matches, actions }) => `${matches.map(({ value }) => value).join("/")}>${actions[0]?.appPort}`,
    ) ?? [];

  it("let everything out, and in what is declared", () => {
    const node = service({
      type: "NodePort",
      selector: { app: "web" },
      ports: [{ port: 80, targetPort: "http", nodePort: 30080 }],
    });
    const labelled = pod(web, { labels: { app: "web" } });
    assert.deepEqual(maps(render([labelled], { services: [node] })), [
      "0.0.0.0/0>0",
      "tcp/80>8080",
      "tcp/30080>8080",
    ]);
  });

  it("are open to whom policies let in, by a port of the node as well", () => {
    const policy = (from: object[]): NetworkPolicy => ({
      ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
      metadata: { name: "p", namespace: "shop" },
      spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from, ports: [{ port: "http" }] }] },
    });
    const range = { ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.0/25"] } };
    assert.deepEqual(maps(render([pod(web)], { policies: [policy([range])] })), [
      ...["0.0.0.0/0>0", "192.0.2.128/25/tcp/8080>0", "192.0.2.128/25/tcp/80>8080"],
    ]);
    assert.deepEqual(maps(render([pod(web)], { policies: [policy([])] })), [
      ...["0.0.0.0/0>0", "0.0.0.0/0/tcp/8080>0", "tcp/80>8080"],
    ]);
    const nobody = [{ podSelector: { matchLabels: { app: "none" } } }];
    assert.deepEqual(maps(render([pod(web)], { policies: [policy(nobody)] })), ["0.0.0.0/0>0"]);
  });

  it("lead to each Pod of a node that stays, and on a box of EVE to the oldest of them", () => {
    const ports = [{ port: 8080, nodePort: 30080 }];
    const node = service({ clusterIP: "10.96.1.1", selector: { app: "web" }, ports });
    const make = (uid: string, made: string, more: Partial<Pod["metadata"]> = {}): Pod =>
      pod({}, { uid, labels: { app: "web" }, creationTimestamp: made, ...more });
    const list = [
      make("a", "2026-01-01T00:00:00Z", { deletionTimestamp: "2026-01-02T00:00:00Z" }),
      make("b", "2026-01-02T00:00:00Z"),
      make("c", "2026-01-03T00:00:00Z"),
    ];
    const entries = (version: string): (number | undefined)[] => {
      const nodeInfo = { containerRuntimeVersion: version } as NonNullable<Node["status"]>["nodeInfo"];
      const box: Node = {
        ...{ apiVersion: "v1", kind: "Node", metadata: { name: "box" }, spec: {} },
        status: { ...(nodeInfo && { nodeInfo }) },
      };
      const { config: made } = render(list, { services: [node], node: box });
      return made.apps.map(({ interfaces }) => interfaces[0]?.acls.length);
    };
    assert.deepEqual(entries("selvedge://1"), [1, 2, 2]);
    assert.deepEqual(entries("eve://16"), [1, 2, 1]);
  });

  it("may be one of the box's own, by its address", () => {
    const box = {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "box" }, spec: {} },
      status: {
        ports: [
          { name: "eth0", addresses: ["192.0.2.1"] },
          { name: "ot", addresses: ["10.0.0.1"] },
        ],
      },
    } as EdgeNode;
    const at = (uid: string, hostIP: string): Pod =>
      pod(one({ ports: [{ containerPort: 8080, hostPort: 80, hostIP }] }), { uid });
    const { app, config: made } = render([at("a", "10.0.0.1"), at("b", "192.0.2.1")], { edgeNode: box });
    assert.deepEqual(maps({ app } as Rendered), ["0.0.0.0/0>0", "ot/tcp/80>8080"]);
    assert.equal(made.apps[1]?.interfaces[0]?.acls.length, 2, "another has the same port of another");
    const { faults } = render([at("c", "10.0.0.9")], { edgeNode: box });
    assert.deepEqual(
      [faults[0]?.reason, faults[0]?.message],
      ["NotSupported", 'no port of node box has the address 10.0.0.9, a hostIP of container "web"'],
    );
  });

  it("of probes are found by name", () => {
    const container = one({
      ports: [{ name: "http", containerPort: 8080 }],
      readinessProbe: { httpGet: { path: "/ready", port: "http" }, periodSeconds: 3 },
      livenessProbe: { exec: { command: ["true"] } },
      startupProbe: { tcpSocket: { port: 9 } },
      lifecycle: { preStop: { sleep: { seconds: 4 } } },
    });
    const [made] = render([pod(container)]).extension.containers;
    const http = made?.readiness?.action?.action;
    assert.deepEqual(http?.case === "httpGet" && [http.value.path, http.value.port, http.value.scheme], [
      "/ready",
      8080,
      "HTTP",
    ]);
    assert.deepEqual([made?.readiness?.periodSeconds, made?.readiness?.failureThreshold], [3, 3]);
    assert.equal(made?.liveness?.action?.action.case, "exec");
    assert.equal(made?.startup?.action?.action.case, "tcp");
    assert.deepEqual(made?.preStop?.action, { case: "sleepSeconds", value: 4 });
  });

  it("that a container does not have are a fault", () => {
    const { faults } = render([pod(one({ livenessProbe: { tcpSocket: { port: "none" } } }))]);
    assert.match(faults[0]?.message ?? "", /container web has no port named "none"/);
  });
});

describe("what cannot be rendered now", () => {
  it("waits when the node has not sent its certificate", () => {
    const spec = one({ env: [{ name: "P", valueFrom: { secretKeyRef: { name: "login", key: "user" } } }] });
    const { faults, config: made } = render([pod(spec)], {}, false);
    assert.deepEqual([faults[0]?.reason, made.apps.length], ["SecretsNotSealed", 0]);
  });

  it("goes on as it was when it ran before", () => {
    const spec = one({ envFrom: [{ configMapRef: { name: "settings" } }] });
    const before = render([pod(spec)]).config;
    const plan = planNode({
      ...{
        nodeId: "n",
        nodeName: "box",
        node: undefined,
        services: [],
        policies: [],
        certificatesHash: "",
        nodeVolumes: [],
        followsLoad: false,
        patches: [],
        tokens: { key: () => "", sign: () => new Uint8Array(), hasSigned: () => true },
        accountToken: () => assert.fail("it has none"),
        canSeal: true,
      },
      edgeNode: { metadata: { name: "box" }, spec: {} } as EdgeNode,
      pods: [pod(spec)],
      configMap: () => undefined,
      secret: () => undefined,
      namespace: () => undefined,
      slices: () => [],
      registry: { address: "", certificates: [], password: () => "" },
    });
    const { config: after, faults } = assembleNode(plan, new Map(), [], before);
    assert.equal(faults.length, 1);
    assert.deepEqual(after.apps, before.apps);
    assert.deepEqual(
      [after.volumes, after.contentInfo, after.datastores],
      [before.volumes, before.contentInfo, before.datastores],
    );
  });
});
