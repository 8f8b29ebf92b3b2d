import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { cipher, config, ext, getExtension } from "@selvedge/eve-api";
import type { Container, EdgeNode, Pod } from "@selvedge/kinds";
import { envOf, one, pod, render } from "../../test/render-one.ts";
import { stableId } from "./stable-id.ts";

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
    const of = `volume/11111111-0000-4000-8000-000000000000/web/${content?.uuid}`;
    assert.equal(volume?.uuid, stableId(of), "another image is another volume");
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

describe("a box's ports", () => {
  const cardOf = { ptype: 1, usage: 1 };
  const rows: readonly (readonly [string, EdgeNode["spec"], unknown[]])[] = [
    [
      "are one card with DHCP when nobody says",
      {},
      [
        [
          "eth0",
          { ...cardOf, ifname: "eth0" },
          true,
          0,
          "",
          { type: 4, dhcp: 4, subnet: "", gateway: "", dns: [] },
        ],
      ],
    ],
    [
      "are what the owner says",
      {
        ports: [
          {
            name: "wan",
            interface: "enp1s0",
            address: "192.0.2.70/26",
            gateway: "192.0.2.65",
            dns: ["9.9.9.9"],
          },
          { name: "lan", interface: "enp2s0", uplink: false, cost: 7 },
        ],
      },
      [
        [
          "wan",
          { ...cardOf, ifname: "enp1s0" },
          ...[true, 0, "192.0.2.70"],
          { type: 4, dhcp: 1, subnet: "192.0.2.64/26", gateway: "192.0.2.65", dns: ["9.9.9.9"] },
        ],
        [
          "lan",
          { ptype: 1, usage: 2, ifname: "enp2s0" },
          ...[false, 7, ""],
          { type: 4, dhcp: 4, subnet: "", gateway: "", dns: [] },
        ],
      ],
    ],
  ];
  for (const [name, spec, expected] of rows) {
    it(name, () => {
      const edgeNode = { metadata: { name: "box" }, spec } as EdgeNode;
      const { deviceIoList, networks, systemAdapterList } = render([pod({})], { edgeNode }).config;
      const shown = systemAdapterList.map((adapter) => {
        const card = deviceIoList.find(({ logicallabel }) => logicallabel === adapter.lowerLayerName);
        const network = networks.find(({ id }) => id === adapter.networkUUID);
        const { dhcp, subnet, gateway, dns } = network?.ip ?? {};
        return [
          ...[adapter.name, { ptype: card?.ptype, usage: card?.usage, ifname: card?.phyaddrs["ifname"] }],
          ...[adapter.uplink, adapter.cost, adapter.addr],
          { type: network?.type, dhcp, subnet, gateway, dns },
        ];
      });
      assert.deepEqual(shown, expected);
    });
  }
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
