import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { type app, type cipher, config, ext, setExtension } from "@selvedge/eve-api";
import { translate, unreadOf } from "./translate.ts";

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
});

const nic = (more: object): object => ({ interfaces: [{ ...appInit.interfaces[0], ...more }] });
const local = (ip: object, ipType = 1): object => ({
  networkInstances: [{ uuidandversion: { uuid: ids.network }, instType: 2, ipType, ip }],
});

const switched = { uuidandversion: { uuid: ids.network }, instType: 1 };

const podOn = (contentTreeId: string): config.EdgeDevConfig => {
  const whole = message();
  const [only] = whole.apps;
  assert.ok(only !== undefined);
  const pod = create(ext.AppExtensionSchema, { name: "web", containers: [{ name: "web", contentTreeId }] });
  setExtension(only, ext.AppExtensionSchema, pod);
  return whole;
};
const other = { ...appInit, uuidandversion: { uuid: "77777777-7777-4777-8777-777777777777" } };

/** With an app that has nothing in common with the other, and whose every entry is sound. */
function besideSound(whole: config.EdgeDevConfig): config.EdgeDevConfig {
  const sound = message({
    datastores: [{ id: ids.app, dType: 5, fqdn: "docker://registry.example" }],
    contentInfo: [{ ...content, uuid: ids.store, dsIdsList: [ids.app] }],
    volumes: [{ uuid: ids.network, origin: { type: 2, downloadContentTreeID: ids.store } }],
    apps: [{ ...other, interfaces: [], volumeRefList: [{ uuid: ids.network }] }],
  });
  for (const part of ["apps", "datastores", "contentInfo", "volumes"] as const)
    whole[part].push(...(sound[part] as never[]));
  return whole;
}
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
      const [app, unharmed] = translate(besideSound(message(more, appMore)), "hash", noSecrets).apps;
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

const refused: readonly (readonly [string, object, object])[] = [
  ["id.uuid", { id: { uuid: "" } }, {}],
  ["apps[0].uuidandversion.uuid", {}, { uuidandversion: undefined }],
  ["contentInfo[0].uuid", { contentInfo: [{}] }, {}],
  ["volumes[0].uuid", { volumes: [{}] }, {}],
  ["networkInstances[0].uuidandversion.uuid", { networkInstances: [{}] }, {}],
];

describe("a configuration that cannot be", () => {
  for (const [field, more, appMore] of refused)
    it(`is refused at ${field}`, () => {
      assert.throws(() => translated(more, appMore), { name: "ConfigFault", field });
    });
});

const faults: readonly (readonly [string, object, object])[] = [
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
  ["apps[1].uuidandversion.uuid", { apps: [appInit, appInit] }, {}],
  ["datastores[0].dType", { datastores: [{ id: ids.store }] }, {}],
  ["contentInfo[0].URL", { contentInfo: [{ uuid: ids.content }] }, {}],
  ["contentInfo[0].sha256", { contentInfo: [{ uuid: ids.content, URL: "a", sha256: "xyz" }] }, {}],
  ["contentInfo[0].ds_ids_list", { contentInfo: [{ uuid: ids.content, URL: "a" }] }, {}],
  ["volumes[0].origin.downloadContentTreeID", { volumes: [{ uuid: ids.volume, origin: { type: 2 } }] }, {}],
  ["networkInstances[0].mtu", { networkInstances: [{ ...switched, mtu: 99 }] }, {}],
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

const without = <T extends { readonly unread?: unknown }>({ unread: _, ...rest }: T): Omit<T, "unread"> =>
  rest;

describe("an object that cannot be read", () => {
  for (const [field, more, appMore] of faults) {
    const bad = besideSound(message(more, appMore));

    it(`is told of ${field}, and what needs it waits, and nothing else`, () => {
      const desired = translate(bad, "hash", noSecrets);
      const [app, unharmed] = desired.apps;
      assert.deepEqual(
        new Set(unreadOf(desired).map((it) => `${it.field} ${it.goesOn}`)),
        new Set([`${field} false`]),
      );
      assert.equal(app?.hindrance?.reason, "InvalidConfiguration");
      assert.ok(app?.hindrance?.message.startsWith(`${field}: `));
      assert.deepEqual([unharmed?.unread, unharmed?.hindrance], [undefined, undefined]);
    });

    it(`stays as it was with ${field} wrong, and so does what needs it`, () => {
      const before = translated();
      const desired = translate(bad, "hash", noSecrets, before);
      assert.ok(unreadOf(desired).every((it) => it.field === field && it.goesOn));
      assert.deepEqual(without(desired.apps[0] ?? assert.fail()), before.apps[0]);
      const all = ({ contents, volumes, networks }: typeof desired) => [...contents, ...volumes, ...networks];
      for (const it of all(desired).filter(({ unread }) => unread !== undefined))
        assert.deepEqual(
          without(it),
          all(before).find(({ id }) => id === it.id),
        );
    });
  }

  const badApp = message({}, { fixedresources: undefined });

  it("stays as it was however often it is wrong, and is what it says once it is mended", () => {
    const once = translate(badApp, "hash", noSecrets, translated());
    const twice = translate(message({}, { volumeRefList: [] }), "hash", noSecrets, once);
    assert.equal(twice.apps[0]?.unread?.field, "apps[0].volumeRefList");
    assert.equal(twice.apps[0]?.revision, translated().apps[0]?.revision);
    const mended = translate(message({}, { displayname: "new" }), "hash", noSecrets, twice);
    assert.deepEqual(mended.apps, translated({}, { displayname: "new" }).apps);
  });

  it("is not taken for what it was while nobody knew it", () => {
    const [app] = translate(badApp, "hash", noSecrets, translate(badApp, "hash", noSecrets)).apps;
    assert.deepEqual([app?.unread?.goesOn, app?.hindrance?.reason], [false, "InvalidConfiguration"]);
  });

  it("is nothing that another node had", () => {
    const before = { ...translated(), nodeId: ids.app };
    assert.equal(translate(badApp, "hash", noSecrets, before).apps[0]?.unread?.goesOn, false);
  });

  it("is switched off and on all the same", () => {
    const before = translated();
    const off = translate(
      message({}, { fixedresources: undefined, activate: false }),
      "hash",
      noSecrets,
      before,
    );
    assert.equal(off.apps[0]?.active, false);
    assert.notEqual(off.apps[0]?.revision, before.apps[0]?.revision);
  });

  it("keeps its old generation, and the app that asks for the next stays with it", () => {
    const volumes = [{ uuid: ids.volume, generationCount: 1n, origin: { type: 2 } }];
    const bad = message({ volumes }, { volumeRefList: [{ uuid: ids.volume, generationCount: 1n }] });
    const desired = translate(bad, "hash", noSecrets, translated());
    assert.equal(desired.volumes[0]?.generation, 0);
    assert.equal(desired.apps[0]?.unread?.field, "volumes[0].origin.downloadContentTreeID");
    assert.deepEqual(without(desired.apps[0] ?? assert.fail()), translated().apps[0]);
  });
});
