import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { cipher, config, ext, getExtension } from "@selvedge/eve-api";
import type { ConfigMap, Container, EdgeNode, Pod, PodSpec, Secret, Service, Volume } from "@selvedge/kinds";
import type { PodFault, RenderInputs } from "./inputs.ts";
import { assembleNode, planNode } from "./node-config.ts";
import { stableId } from "./stable-id.ts";

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

function pod(spec: Partial<PodSpec>, metadata: Partial<Pod["metadata"]> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-1", namespace: "shop", uid: "11111111-0000-4000-8000-000000000000", ...metadata },
    spec: { containers: [{ name: "web", image: "nginx:1.27" }], nodeName: "box", ...spec },
  };
}

const one = (container: Partial<Container>): Partial<PodSpec> => ({
  containers: [{ name: "web", image: "nginx:1.27", ...container }],
});

const configMaps: Record<string, ConfigMap> = {
  "shop/settings": {
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "shop" } },
    data: { COLOR: "red", "a=b": "no name", size: "3" },
    binaryData: { blob: base64("\u0001\u0002") },
  },
};
const secrets: Record<string, Secret> = {
  "shop/login": {
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace: "shop" } },
    data: { user: base64("ann"), password: base64("pw$1") },
  },
  "shop/pull": {
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "pull", namespace: "shop" } },
    data: {
      ".dockerconfigjson": base64(
        JSON.stringify({ auths: { "reg.example:5000": { auth: base64("bob:s3cret") } } }),
      ),
    },
  },
};

interface Rendered {
  readonly config: config.EdgeDevConfig;
  readonly faults: readonly PodFault[];
  readonly app: config.EdgeDevConfig["apps"][number];
  readonly extension: ext.AppExtension;
  readonly secrets: ext.AppSecrets | undefined;
}

function render(pods: readonly Pod[], more: Partial<RenderInputs> = {}, sealed = true): Rendered {
  const inputs: RenderInputs = {
    nodeId: "22222222-0000-4000-8000-000000000000",
    nodeName: "box",
    edgeNode: {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "box" } },
      spec: { labels: { zone: "north" }, settings: { "timer.config.interval": "30" } },
    } as EdgeNode,
    node: {
      ...{ apiVersion: "v1", kind: "Node", metadata: { name: "box" }, spec: {} },
      status: { allocatable: { cpu: "4", memory: "1Gi" } },
    },
    pods,
    services: [],
    configMap: (namespace, name) => configMaps[`${namespace}/${name}`],
    secret: (namespace, name) => secrets[`${namespace}/${name}`],
    registry: { address: "10.0.0.1:8444", certificates: ["ROOT"], password: (node) => `pw of ${node}` },
    certificatesHash: "certs",
    ...more,
  };
  const plan = planNode(inputs);
  const blocks = new Map(
    [...plan.sealings].map(([name, cipherData]) => [
      name,
      create(cipher.CipherBlockSchema, { cipherContextId: "c", cipherData }),
    ]),
  );
  const assembled = assembleNode(plan, sealed ? blocks : new Map(), [], undefined);
  const app = assembled.config.apps[0] as Rendered["app"];
  const extension = (app && getExtension(app, ext.AppExtensionSchema)) as ext.AppExtension;
  const block = extension?.secrets.length
    ? fromBinary(cipher.CipherBlockSchema, extension.secrets)
    : undefined;
  return {
    ...assembled,
    app,
    extension,
    secrets: block && fromBinary(ext.AppSecretsSchema, block.cipherData),
  };
}

function envOf({ extension }: Rendered): Record<string, string> {
  return Object.fromEntries(
    (extension.containers[0]?.env ?? []).map(({ name, source }) => [name, `${source.case}:${source.value}`]),
  );
}

describe("a node's configuration", () => {
  it("has everything a Pod needs in EVE's own fields", () => {
    const { config: made, app } = render([pod({})]);
    const [content] = made.contentInfo;
    const [volume] = made.volumes;
    assert.equal(made.id?.uuid, "22222222-0000-4000-8000-000000000000");
    assert.equal(app.uuidandversion?.uuid, "11111111-0000-4000-8000-000000000000");
    assert.match(app.uuidandversion?.version ?? "", /^[0-9a-f]{32}$/);
    assert.equal(app.displayname, "shop/web-1");
    assert.deepEqual(
      [app.fixedresources?.memory, app.fixedresources?.vcpus, app.fixedresources?.virtualizationMode],
      [(128 + 96) * 1024, 1, 1],
    );
    assert.equal(app.activate, true);
    assert.deepEqual(
      [made.datastores[0]?.fqdn, made.datastores[0]?.dType, made.datastores[0]?.cipherData],
      ["docker://docker.io", 5, undefined],
    );
    assert.deepEqual([content?.URL, content?.iformat], ["library/nginx:1.27", 8]);
    assert.deepEqual(content?.dsIdsList, [made.datastores[0]?.id]);
    assert.equal(volume?.uuid, stableId("volume/11111111-0000-4000-8000-000000000000/web"));
    assert.equal(volume?.origin?.downloadContentTreeID, content?.uuid);
    assert.deepEqual(
      app.volumeRefList.map(({ uuid, mountDir }) => [uuid, mountDir]),
      [[volume?.uuid, "/"]],
    );
    assert.equal(app.interfaces[0]?.networkId, made.networkInstances[0]?.uuidandversion?.uuid);
    assert.equal(made.networkInstances[0]?.ip?.subnet, "10.77.0.0/24");
    const items = Object.fromEntries(made.configItems.map(({ key, value }) => [key, value]));
    assert.deepEqual([items["timer.config.interval"], items["debug.enable.console"]], ["30", "true"]);
    const extension = getExtension(made, ext.NodeExtensionSchema);
    assert.deepEqual([extension?.nodeName, extension?.labels], ["box", { zone: "north" }]);
  });

  it("is the same bytes for the same objects, in whatever order they come", () => {
    const other = pod(
      { ...one({ image: "redis" }) },
      { name: "b", uid: "33333333-0000-4000-8000-000000000000" },
    );
    const labelled = pod({}, { labels: { b: "2", a: "1" } });
    const again = pod({}, { labels: { a: "1", b: "2" } });
    const bytes = (list: readonly Pod[]): string =>
      Buffer.from(toBinary(config.EdgeDevConfigSchema, render(list).config)).toString("hex");
    assert.equal(bytes([labelled, other]), bytes([other, again]));
    assert.notEqual(bytes([labelled, other]), bytes([labelled]));
  });

  it("stops a Pod that is being deleted, with the grace it was given", () => {
    const { app, extension } = render([
      pod({}, { deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 5 }),
    ]);
    assert.deepEqual([app.activate, extension.terminationGraceSeconds], [false, 5]);
  });

  it("stops all apps of a node that is out of service", () => {
    const edgeNode = { metadata: { name: "box" }, spec: { activate: false } } as EdgeNode;
    assert.equal(render([pod({})], { edgeNode }).app.activate, false);
  });

  for (const [name, spec, memory, vcpus] of [
    ["limits", { resources: { limits: { cpu: "1500m", memory: "64Mi" } } }, 160, 2],
    ["requests", { resources: { requests: { cpu: "250m", memory: "32Mi" } } }, 128, 1],
    ["more than the most", { resources: { limits: { cpu: "40", memory: "1Gi" } } }, 1120, 16],
  ] as const) {
    it(`sizes the machine by ${name}`, () => {
      const { fixedresources } = render([pod(one(spec))]).app;
      assert.deepEqual([fixedresources?.memory, fixedresources?.vcpus], [memory * 1024, vcpus]);
    });
  }

  it("shares one content among containers and Pods, and has a volume for each", () => {
    const two = [
      { name: "a", image: "nginx:1.27" },
      { name: "b", image: "nginx:1.27" },
    ];
    const spec = { containers: two, initContainers: [{ name: "i", image: "busybox" }] };
    const {
      config: made,
      app,
      extension,
    } = render([pod(spec), pod(spec, { uid: "33333333-0000-4000-8000-000000000000" })]);
    assert.deepEqual([made.contentInfo.length, made.volumes.length, made.datastores.length], [2, 6, 1]);
    const names = app.volumeRefList.map(
      ({ uuid }) => made.volumes.find((one) => one.uuid === uuid)?.displayName,
    );
    assert.deepEqual(names, ["i", "a", "b"]);
    assert.deepEqual(
      [...extension.initContainers, ...extension.containers].map(({ name }) => name),
      ["i", "a", "b"],
    );
  });
});

describe("images", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  for (const [image, fqdn, url, sha] of [
    ["nginx", "docker://docker.io", "library/nginx:latest", ""],
    ["reg.example:5000/team/app:2", "docker://reg.example:5000", "team/app:2", ""],
    [`quay.io/x/y@${digest}`, "docker://quay.io", `x/y@${digest}`, "a".repeat(64)],
    ["selvedge.internal/hello:1", "docker://10.0.0.1:8444", "hello:1", ""],
  ] as const) {
    it(`${image} is ${url} of ${fqdn}`, () => {
      const { contentInfo, datastores } = render([pod(one({ image }))]).config;
      assert.deepEqual([datastores[0]?.fqdn, contentInfo[0]?.URL, contentInfo[0]?.sha256], [fqdn, url, sha]);
    });
  }

  it("of our own registry come with the node's password, sealed, and the registry's root", () => {
    const [datastore] = render([pod(one({ image: "selvedge.internal/hello:1" }))]).config.datastores;
    const plain = fromBinary(
      cipher.EncryptionBlockSchema,
      datastore?.cipherData?.cipherData ?? new Uint8Array(),
    );
    assert.deepEqual(
      [plain.dsAPIKey, plain.dsPassword, datastore?.apiKey, datastore?.password],
      ["22222222-0000-4000-8000-000000000000", "pw of 22222222-0000-4000-8000-000000000000", "", ""],
    );
    assert.equal(Buffer.from(datastore?.dsCertPEM[0] ?? []).toString(), "ROOT");
  });

  it("are pulled with the pull secret of their registry only", () => {
    const spec = { imagePullSecrets: [{ name: "absent" }, { name: "pull" }] };
    const users = (image: string): string => {
      const [datastore] = render([pod({ ...one({ image }), ...spec })]).config.datastores;
      const block = datastore?.cipherData?.cipherData;
      return block === undefined ? "" : fromBinary(cipher.EncryptionBlockSchema, block).dsAPIKey;
    };
    assert.deepEqual([users("reg.example:5000/a:1"), users("other.example/a:1")], ["bob", ""]);
  });

  it("with an impossible name are a fault in kubelet's words", () => {
    const { faults, config: made } = render([pod(one({ image: "Bad Name" }))]);
    assert.deepEqual([faults[0]?.reason, made.apps.length], ["InvalidImageName", 0]);
  });
});

describe("environment", () => {
  const sources = {
    configMapKeyRef: { name: "settings", key: "COLOR" },
    secretKeyRef: { name: "login", key: "password" },
  };
  const rows: readonly (readonly [string, Partial<Container>, Record<string, string>])[] = [
    ["values", { env: [{ name: "A", value: "1" }] }, { A: "value:1" }],
    [
      "references to earlier values; later and unknown ones stay",
      {
        env: [
          { name: "B", value: "$(A)" },
          { name: "A", value: "1" },
          { name: "C", value: "$(A)-$$(A)-$(NO)" },
        ],
      },
      { B: "value:$$(A)", A: "value:1", C: "value:1-$$(A)-$$(NO)" },
    ],
    [
      "a ConfigMap's key",
      { env: [{ name: "A", valueFrom: { configMapKeyRef: sources.configMapKeyRef } }] },
      { A: "value:red" },
    ],
    [
      "all of a ConfigMap but what is no name, with a prefix, under what env says",
      {
        envFrom: [{ prefix: "X_", configMapRef: { name: "settings" } }],
        env: [{ name: "X_size", value: "4" }],
      },
      { X_COLOR: "value:red", X_size: "value:4" },
    ],
    [
      "secrets by key only, and references to them for the node to resolve",
      {
        env: [
          { name: "P", valueFrom: { secretKeyRef: sources.secretKeyRef } },
          { name: "URL", value: "db://$(P)@x" },
        ],
      },
      { P: "secretKey:env/web/P", URL: "value:db://$(P)@x" },
    ],
    [
      "optional things that are missing",
      {
        envFrom: [{ configMapRef: { name: "absent", optional: true } }],
        env: [{ name: "A", valueFrom: { secretKeyRef: { name: "login", key: "no", optional: true } } }],
      },
      {},
    ],
    [
      "the downward API",
      {
        resources: { limits: { memory: "100Mi" } },
        env: [
          { name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
          { name: "TIER", valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
          { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "MEM", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
          { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
          { name: "AT", value: "$(NAME)@$(IP)" },
        ],
      },
      {
        NAME: "value:web-1",
        NODE: "value:box",
        TIER: "value:front",
        IP: "fieldPath:status.podIP",
        MEM: "value:100",
        CPU: "value:4",
        AT: "value:web-1@$(IP)",
      },
    ],
  ];
  for (const [name, container, expected] of rows) {
    it(`has ${name}`, () => {
      assert.deepEqual(envOf(render([pod(one(container), { labels: { tier: "front" } })])), expected);
    });
  }

  it("keeps secrets out of everything that is not sealed", () => {
    const rendered = render([
      pod(
        one({
          env: [
            { name: "P", valueFrom: { secretKeyRef: sources.secretKeyRef } },
            { name: "URL", value: "db://$(P)@x" },
          ],
          args: ["--password=$(P)", "--plain=$$(P)", "--known=$(NO)"],
        }),
      ),
    ]);
    assert.deepEqual(rendered.secrets?.values, { "env/web/P": "pw$1" });
    assert.deepEqual(rendered.extension.containers[0]?.args, [
      "--password=$(P)",
      "--plain=$$(P)",
      "--known=$$(NO)",
    ]);
    const clear = Buffer.from(
      toBinary(ext.AppExtensionSchema, { ...rendered.extension, secrets: new Uint8Array() }),
    );
    assert.equal(clear.includes("pw$1"), false);
  });

  for (const [name, container, message] of [
    ["ConfigMap", { envFrom: [{ configMapRef: { name: "absent" } }] }, 'configmap "absent" not found'],
    [
      "key",
      { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "settings", key: "no" } } }] },
      "couldn't find key no in ConfigMap shop/settings",
    ],
    [
      "Secret",
      { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "absent", key: "x" } } }] },
      'secret "absent" not found',
    ],
  ] as const) {
    it(`without its ${name} is a fault`, () => {
      const { faults, config: made } = render([pod(one(container as unknown as Partial<Container>))]);
      assert.deepEqual(
        [faults[0]?.reason, faults[0]?.message, made.apps.length],
        ["CreateContainerConfigError", message, 0],
      );
    });
  }
});

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

  it("lead to one Pod of a node only: the older that stays", () => {
    const node = service({ selector: { app: "web" }, ports: [{ port: 8080, nodePort: 30080 }] });
    const make = (uid: string, made: string, more: Partial<Pod["metadata"]> = {}): Pod =>
      pod({}, { uid, labels: { app: "web" }, creationTimestamp: made, ...more });
    const list = [
      make("a", "2026-01-01T00:00:00Z", { deletionTimestamp: "2026-01-02T00:00:00Z" }),
      make("b", "2026-01-02T00:00:00Z"),
      make("c", "2026-01-03T00:00:00Z"),
    ];
    const { config: made } = render(list, { services: [node] });
    assert.deepEqual(
      made.apps.map(({ interfaces }) => interfaces[0]?.acls.length),
      [1, 2, 1],
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
      ...{ nodeId: "n", nodeName: "box", node: undefined, services: [], certificatesHash: "" },
      edgeNode: { metadata: { name: "box" }, spec: {} } as EdgeNode,
      pods: [pod(spec)],
      configMap: () => undefined,
      secret: () => undefined,
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
