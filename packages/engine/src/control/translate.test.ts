import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { type app, type cipher, config, ext, setExtension } from "@selvedge/eve-api";
import { translate } from "./translate.ts";

const recorded = join(import.meta.dirname, "../../../eve-api/testdata/eve");
const ids = {
  node: "11111111-1111-4111-8111-111111111111",
  app: "22222222-2222-4222-8222-222222222222",
  content: "33333333-3333-4333-8333-333333333333",
  volume: "44444444-4444-4444-8444-444444444444",
  network: "55555555-5555-4555-8555-555555555555",
  store: "66666666-6666-4666-8666-666666666666",
} as const;

type Init = MessageInitShape<typeof config.EdgeDevConfigSchema>;
type AppInit = MessageInitShape<typeof app.AppInstanceConfigSchema>;

const noSecrets = async (): Promise<never> => {
  throw new Error("nothing is opened here");
};

const appInit = {
  uuidandversion: { uuid: ids.app, version: "7" },
  displayname: "shop/web",
  fixedresources: { memory: 262_144, vcpus: 2 },
  activate: true,
  volumeRefList: [{ uuid: ids.volume, mountDir: "/" }],
  interfaces: [{ name: "eth0", networkId: ids.network, macAddress: "02:16:3E:00:00:01" }],
} satisfies AppInit;

function message(more: object = {}, appMore: object = {}): config.EdgeDevConfig {
  const init = {
    id: { uuid: ids.node },
    apps: [{ ...appInit, ...appMore }],
    datastores: [{ id: ids.store, dType: 5, fqdn: "docker://registry.example" }],
    contentInfo: [{ uuid: ids.content, URL: "web:1", iformat: 8, dsIdsList: [ids.store] }],
    volumes: [{ uuid: ids.volume, origin: { type: 2, downloadContentTreeID: ids.content } }],
    networkInstances: [
      {
        uuidandversion: { uuid: ids.network },
        displayname: "default",
        instType: 2,
        ip: { subnet: "10.77.0.0/24" },
      },
    ],
    ...more,
  };
  return create(config.EdgeDevConfigSchema, init as unknown as Init);
}

function translated(more: object = {}, appMore: object = {}): ReturnType<typeof translate> {
  return translate(message(more, appMore), "hash", noSecrets);
}

describe("a configuration that an administrator gave Adam", () => {
  it("becomes apps of one container on their first volume", () => {
    const bytes = readFileSync(join(recorded, "config-v2.pb"));
    const desired = translate(fromBinary(config.EdgeDevConfigSchema, bytes), "hash", noSecrets);
    assert.equal(desired.nodeId, readFileSync(join(recorded, "device-uuid.txt"), "utf8").trim());
    assert.equal(desired.nodeName, "evepeer-e072c17e");
    assert.equal(desired.apps.length, 10);
    assert.equal(desired.settings.get("timer.config.interval"), "60");
    const [first] = desired.apps;
    assert.equal(first?.memoryBytes, 2 ** 30);
    assert.deepEqual(
      first?.nics.map(({ name, mac, rules }) => ({
        ...{ name, mac },
        maps: rules.flatMap(({ protocol, localPorts, action }) =>
          action.kind === "map" ? [`${protocol} ${localPorts?.first} ${action.appPort}`] : [],
        ),
      })),
      [{ name: "eth0", mac: "02:16:3e:00:00:01", maps: ["6 2200 22"] }],
    );
    assert.equal(first?.pod.containers[0]?.name, "main");
    assert.equal(desired.contents[0]?.format, "qcow2");
    assert.equal(desired.contents[0]?.datastores[0]?.fqdn, "https://images.invalid");
    assert.deepEqual(desired.networks[0], {
      id: "c30bf688-406a-56bd-b80f-876946e544f3",
      name: "local-1",
      kind: "local",
      subnet: "10.11.12.0/24",
      gateway: "10.11.12.1",
      dhcpFirst: "10.11.12.2",
      dhcpLast: "10.11.12.254",
      dns: [],
      hosts: [],
      ...{ version: "1", port: "uplink", flowLog: true },
    });
  });
});

describe("translate", () => {
  it("parts a switch into VLANs", () => {
    const networkInstances = [
      {
        ...{ uuidandversion: { uuid: ids.network }, instType: 1, stp: { portsWithBpduGuard: "eth2" } },
        vlanAccessPorts: [{ vlanId: 10, accessPort: "eth1" }],
      },
    ];
    const { networks, apps } = translated({ networkInstances }, nic({ accessVlanId: 20 }));
    const [network] = networks;
    assert.deepEqual([network?.accessPorts, network?.guarded], [[{ vlan: 10, port: "eth1" }], "eth2"]);
    assert.equal(apps[0]?.nics[0]?.accessVlan, 20);
    const wrong = networkInstances.map((it) => ({
      ...it,
      vlanAccessPorts: [{ vlanId: 4095, accessPort: "x" }],
    }));
    assert.match(translated({ networkInstances: wrong }, {}).networks[0]?.fault ?? "", /4095 is not between/);
  });

  it("takes an app of our controller as it says", () => {
    const with50001 = message();
    const pod = create(ext.AppExtensionSchema, {
      namespace: "shop",
      name: "web",
      containers: [{ name: "web", contentTreeId: ids.content }],
      terminationGraceSeconds: 5,
    });
    const [only] = with50001.apps;
    assert.ok(only !== undefined);
    setExtension(only, ext.AppExtensionSchema, pod);
    setExtension(with50001, ext.NodeExtensionSchema, create(ext.NodeExtensionSchema, { nodeName: "shop-1" }));
    const desired = translate(with50001, "hash", noSecrets);
    assert.equal(desired.nodeName, "shop-1");
    assert.deepEqual(desired.apps[0]?.pod, pod);
    assert.equal(desired.apps[0]?.version, "7");
    assert.equal(desired.apps[0]?.memoryBytes, 256 * 2 ** 20);
    assert.equal(desired.apps[0]?.vcpus, 2);
  });

  it("gives an app of a foreign controller the environment in its user data, and its other volumes", () => {
    const second = "77777777-7777-4777-8777-777777777777";
    const userData = "# settings\nCOLOR=blue\nEMPTY=\nnot a line";
    const [app] = translated(
      {
        volumes: [
          { uuid: ids.volume, origin: { type: 2, downloadContentTreeID: ids.content } },
          { uuid: second, origin: { type: 1 }, maxsizebytes: 1024n },
        ],
      },
      {
        userData: Buffer.from(userData).toString("base64"),
        volumeRefList: [
          { uuid: ids.volume, mountDir: "/" },
          { uuid: second, mountDir: "/data" },
        ],
      },
    ).apps;
    const [main] = app?.pod.containers ?? [];
    assert.equal(Buffer.from(app?.foreign?.userData ?? "", "base64").toString(), userData);
    assert.deepEqual(
      app?.foreign?.volumes.map(({ key, form, mountDir }) => ({ key, form, mountDir })),
      [
        { key: `${ids.volume}#0`, form: "image", mountDir: "/" },
        { key: `${second}#0`, form: "blank", mountDir: "/data" },
      ],
    );
    assert.deepEqual(
      main?.volumeMounts.map(({ mountPath }) => mountPath),
      ["/data"],
    );
  });

  it("leaves encrypted user data to whoever starts the app, and believes no clear text beside it", () => {
    const [app] = translated({}, { userData: "QT1i", cipherData: { cipherContextId: "context" } }).apps;
    assert.equal(app?.foreign?.userData, "");
    assert.match(app?.foreign?.sealedUserData ?? "", /^[A-Za-z0-9+/]+=*$/);
  });

  it("tells an app that changed from one that did not, whatever its version says", () => {
    const revision = (more: object): string | undefined => translated({}, more).apps[0]?.revision;
    assert.equal(revision({}), revision({}));
    for (const more of [{ restart: { counter: 1 } }, { activate: false }, { userData: "QT1i" }])
      assert.notEqual(revision(more), revision({}));
  });

  it("opens a datastore's credentials only when its source asks", async () => {
    const opened: string[] = [];
    const sealed = message({
      datastores: [
        { id: ids.store, dType: 5, fqdn: "docker://r", cipherData: { cipherContextId: "context" } },
      ],
    });
    const desired = translate(sealed, "hash", async (block: cipher.CipherBlock) => {
      opened.push(block.cipherContextId);
      return { user: "u", password: "p" };
    });
    assert.deepEqual(opened, []);
    assert.deepEqual(await desired.contents[0]?.datastores[0]?.credentials(), { user: "u", password: "p" });
    assert.deepEqual(opened, ["context"]);
  });

  it("leaves out what is meant for another node of a cluster", () => {
    const desired = translated({}, { designatedNodeId: "99999999-9999-4999-8999-999999999999" });
    assert.deepEqual(desired.apps, []);
  });

  it("puts the DHCP range where the router is not", () => {
    const network = ({ subnet = "", ...more }: { subnet?: string }): object => {
      const ipType = subnet.includes(":") || subnet === "" ? 2 : 1;
      const ip = { subnet, ...more };
      return { networkInstances: [{ uuidandversion: { uuid: ids.network }, instType: 2, ipType, ip }] };
    };
    const ranges: readonly (readonly [
      { subnet?: string; gateway?: string; dhcpRange?: object },
      readonly string[],
    ])[] = [
      [{ subnet: "10.1.2.3/30" }, ["10.1.2.0/30", "10.1.2.1", "10.1.2.2", "10.1.2.2"]],
      [{ subnet: "10.1.0.0/16" }, ["10.1.0.0/16", "10.1.0.1", "10.1.0.2", "10.1.1.1"]],
      [
        { subnet: "10.1.2.0/24", gateway: "10.1.2.254" },
        ["10.1.2.0/24", "10.1.2.254", "10.1.2.1", "10.1.2.253"],
      ],
      [
        { subnet: "10.1.2.0/24", dhcpRange: { start: "10.1.2.10", end: "10.1.2.20" } },
        ["10.1.2.0/24", "10.1.2.1", "10.1.2.10", "10.1.2.20"],
      ],
      [{ subnet: "FD00:1::5/64" }, ["fd00:1::/64", "fd00:1::1", "fd00:1::2", "fd00:1::101"]],
      [
        { subnet: "fd00:1::/124", gateway: "fd00:1::e" },
        ["fd00:1::/124", "fd00:1::e", "fd00:1::1", "fd00:1::d"],
      ],
    ];
    for (const [ip, expected] of ranges) {
      const [found] = translated(network(ip), { interfaces: [] }).networks;
      assert.deepEqual([found?.subnet, found?.gateway, found?.dhcpFirst, found?.dhcpLast], expected);
    }
    // Who names no prefix of IPv6 is given one of nobody else's, always the same.
    const [own] = translated(network({}), { interfaces: [] }).networks;
    assert.match(own?.subnet ?? "", /^fd[0-9a-f]{2}(:[0-9a-f]{1,4}){2}::\/64$/);
    assert.deepEqual(translated(network({}), { interfaces: [] }).networks, [own]);
  });
});

const nic = (more: object): object => ({ interfaces: [{ ...appInit.interfaces[0], ...more }] });
const local = (ip: object, ipType = 1): object => ({
  networkInstances: [{ uuidandversion: { uuid: ids.network }, instType: 2, ipType, ip }],
});

const podOn = (contentTreeId: string): config.EdgeDevConfig => {
  const whole = message();
  const [only] = whole.apps;
  assert.ok(only !== undefined);
  const pod = create(ext.AppExtensionSchema, { name: "web", containers: [{ name: "web", contentTreeId }] });
  setExtension(only, ext.AppExtensionSchema, pod);
  return whole;
};
const other = { ...appInit, uuidandversion: { uuid: "77777777-7777-4777-8777-777777777777" } };
const content = { uuid: ids.content, URL: "a" };

const hindrances: readonly (readonly [string, RegExp, object, object])[] = [
  ["a volume", /volumeRefList\[0\]\.uuid: no volume/, {}, { volumeRefList: [{ uuid: ids.app }] }],
  [
    ...(["a volume's generation", /generation 0, not 1/, {}] as const),
    { volumeRefList: [{ uuid: ids.volume, generationCount: 1n }] },
  ],
  ["a content tree", /volumes\[0\].*no contentInfo has uuid/, { contentInfo: [] }, {}],
  ["a datastore", /no datastore has id b/, { contentInfo: [{ ...content, dsIdsList: ["b"] }] }, {}],
  [
    ...(["an access list that means something", /acls\[0\]\.matches: "x" is no kind of match/, {}] as const),
    nic({ acls: [{ matches: [{ type: "x" }] }] }),
  ],
  [
    ...(["more interfaces than there are", /apps\[0\]\.interfaces: has 17/, {}] as const),
    { interfaces: Array.from({ length: 17 }, (_, at) => ({ ...appInit.interfaces[0], name: `eth${at}` })) },
  ],
];

describe("an app that names what is not to be had", () => {
  for (const [name, why, more, appMore] of hindrances)
    it(`waits for ${name}, and no other app does`, () => {
      const whole = message(more, appMore);
      const sound = message({
        contentInfo: [{ ...content, uuid: ids.store, dsIdsList: [ids.store] }],
        volumes: [{ uuid: ids.network, origin: { type: 2, downloadContentTreeID: ids.store } }],
        apps: [{ ...other, volumeRefList: [{ uuid: ids.network }] }],
      });
      for (const part of ["apps", "contentInfo", "volumes"] as const)
        whole[part].push(...(sound[part] as never[]));
      const [app, unharmed] = translate(whole, "hash", noSecrets).apps;
      assert.match(app?.hindrance?.message ?? "", why);
      assert.equal(unharmed?.hindrance, undefined);
    });

  it("waits for a container's content tree", () => {
    const [app] = translate(podOn(ids.app), "hash", noSecrets).apps;
    assert.equal(app?.hindrance?.reason, "MissingReference");
    assert.match(app?.hindrance?.message ?? "", /containers\.web\.content_tree_id: no contentInfo has uuid/);
    assert.equal(translate(podOn(ids.content), "hash", noSecrets).apps[0]?.hindrance, undefined);
  });

  it("leaves a network that is not there to the plug", () => {
    const [app] = translated({}, nic({ networkId: ids.app })).apps;
    assert.deepEqual([app?.nics[0]?.networkId, app?.hindrance], [ids.app, undefined]);
  });
});

const faults: readonly (readonly [string, object, object])[] = [
  ["id.uuid", { id: { uuid: "" } }, {}],
  ["apps[0].uuidandversion.uuid", {}, { uuidandversion: undefined }],
  ["apps[0].fixedresources", {}, { fixedresources: undefined }],
  ["apps[0].fixedresources.memory", {}, { fixedresources: { memory: 1 } }],
  ["apps[0].fixedresources.vcpus", {}, { fixedresources: { memory: 262_144, vcpus: 1000 } }],
  ["apps[0].volumeRefList", {}, { volumeRefList: [] }],
  ["apps[0].volumeRefList[0].uuid", {}, { volumeRefList: [{ uuid: "x" }] }],
  [
    "apps[0].volumeRefList[0].uuid",
    { volumes: [{ uuid: ids.volume, origin: { type: 1 } }] },
    { volumeRefList: [{ uuid: ids.volume }] },
  ],
  ["apps[0].interfaces", {}, { interfaces: [appInit.interfaces[0], appInit.interfaces[0]] }],
  ["apps[0].interfaces[0].name", {}, nic({ name: "" })],
  ["apps[0].interfaces[0].networkId", {}, nic({ networkId: "" })],
  ["apps[0].interfaces[0].macAddress", {}, nic({ macAddress: "02:16" })],
  ["apps", { apps: [appInit, appInit] }, {}],
  ["datastores[0].dType", { datastores: [{ id: ids.store }] }, {}],
  ["contentInfo[0].uuid", { contentInfo: [{}] }, {}],
  ["contentInfo[0].URL", { contentInfo: [{ uuid: ids.content }] }, {}],
  ["contentInfo[0].sha256", { contentInfo: [{ uuid: ids.content, URL: "a", sha256: "xyz" }] }, {}],
  ["contentInfo[0].ds_ids_list", { contentInfo: [{ uuid: ids.content, URL: "a" }] }, {}],
  ["volumes[0].uuid", { volumes: [{}] }, {}],
  ["volumes[0].origin.downloadContentTreeID", { volumes: [{ uuid: ids.volume, origin: { type: 2 } }] }, {}],
  ["networkInstances[0].uuidandversion.uuid", { networkInstances: [{}] }, {}],
  ["networkInstances[0].ip.subnet", local({}), {}],
  ["networkInstances[0].ip.subnet", local({ subnet: "10.0.0.0/31" }), {}],
  ["networkInstances[0].ip.subnet", local({ subnet: "fd00:1::/64" }), {}],
  ["networkInstances[0].ip.subnet", local({ subnet: "10.0.0.0/24" }, 2), {}],
  ["networkInstances[0].ip.subnet", local({ subnet: "fd00:1::/48" }, 2), {}],
  ["networkInstances[0].ip.gateway", local({ subnet: "fd00:1::/64", gateway: "10.0.0.1" }, 2), {}],
  ["networkInstances[0].ip.gateway", local({ subnet: "10.0.0.0/24", gateway: "10.0.1.1" }), {}],
  [
    "networkInstances[0].ip.dhcpRange.end",
    local({ subnet: "10.0.0.0/24", dhcpRange: { end: "10.0.0.255" } }),
    {},
  ],
  ["networkInstances[0].ip.dns", local({ subnet: "10.0.0.0/24", dns: ["x"] }), {}],
];

describe("a configuration that cannot be", () => {
  for (const [field, more, appMore] of faults)
    it(`is refused at ${field}`, () => {
      assert.throws(() => translated(more, appMore), { name: "ConfigFault", field });
    });
});
