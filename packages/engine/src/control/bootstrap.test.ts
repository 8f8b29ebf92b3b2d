/** What the fitter gives a box: whom it is believed from, what of it counts, and until when. */
import assert from "node:assert/strict";
import { createHash, createPrivateKey, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Log, millis, SystemClock, silentSink } from "@selvedge/base";
import { auth, certs, config, encodeEnvelope } from "@selvedge/eve-api";
import type { DesiredState, PortSpec } from "../desired.ts";
import { Cell, EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { CardState, PortDriver } from "../port/port-driver.ts";
import { PortReconciler, portKey } from "../port/port-reconciler.ts";
import { Bootstrap, readBootstrap } from "./bootstrap.ts";
import { portsPart } from "./report/port-info.ts";
import { Settings } from "./settings/settings.ts";

const keys = join(import.meta.dirname, "../../../eve-api/testdata/eve/keys");
const pem = (name: string): string => readFileSync(join(keys, name), "utf8");
const root = pem("root.pem");

/** In a network that gives no addresses, behind a proxy; a radio beside. */
const shop: MessageInitShape<typeof config.EdgeDevConfigSchema> = {
  configItems: [
    { key: "network.fallback.any.eth", value: "enabled" },
    { key: "timer.config.interval", value: "soon" },
  ],
  deviceIoList: [
    { ptype: 1, phylabel: "eth0", logicallabel: "wan", phyaddrs: { Ifname: "eth0" } },
    { ptype: 5, phylabel: "wlan0", logicallabel: "air", phyaddrs: { Ifname: "wlan0" } },
  ],
  networks: [
    {
      ...{
        id: "n1",
        type: 4,
        ip: { dhcp: 1, subnet: "10.1.0.0/24", gateway: "10.1.0.1", dns: ["10.1.0.2"] },
      },
      entProxy: { proxies: [{ proto: 1, server: "proxy.shop", port: 3128 }] },
    },
    {
      ...{ id: "n2", type: 4, ip: { dhcp: 4 } },
      wireless: { type: 1, wifiCfg: [{ wifiSSID: "shop", keyScheme: 1, password: "open sesame" }] },
    },
  ],
  systemAdapterList: [
    { name: "wan", uplink: true, networkUUID: "n1", addr: "10.1.0.7" },
    { name: "air", uplink: true, networkUUID: "n2", cost: 5 },
  ],
  apps: [{ displayname: "nobody starts this" }],
};

interface Wrong {
  readonly signer?: string;
  readonly types?: readonly certs.ZCertType[];
  readonly tampered?: true;
}

function file(wanted: typeof shop, { signer = "signing", types = [1, 2], tampered }: Wrong = {}): Uint8Array {
  const payload = toBinary(config.EdgeDevConfigSchema, create(config.EdgeDevConfigSchema, wanted));
  const leaf = pem(`${signer}.leaf.pem`);
  const key = createPrivateKey(pem(`${signer}-key.pem`));
  const [dsaEncoding, algorithm] = ["ieee-p1363", 2] as const;
  const signature = new Uint8Array(sign("sha256", payload, { key, dsaEncoding }));
  const senderCertHash = new Uint8Array(createHash("sha256").update(leaf).digest());
  if (tampered) payload[payload.length - 1] = 0x7f;
  const bytes = encodeEnvelope({ payload, algorithm, senderCertHash, signature });
  const controllerCerts = types.map((type) =>
    create(certs.ZCertSchema, { type, cert: new TextEncoder().encode(type === 2 ? pem("inter.pem") : leaf) }),
  );
  const signedConfig = fromBinary(auth.AuthContainerSchema, bytes);
  return toBinary(
    config.BootstrapConfigSchema,
    create(config.BootstrapConfigSchema, { signedConfig, controllerCerts }),
  );
}

describe("bootstrap-config.pb", () => {
  it("gives ports with their address, proxy and password, and config items", () => {
    const { ports = [], settings } = readBootstrap(file(shop), [root]);
    const [wan, air] = ports;
    assert.deepEqual(wan?.address, {
      ...{ kind: "static", address: "10.1.0.7/24", gateway: "10.1.0.1", dns: ["10.1.0.2"] },
      ...{ domain: "", ntp: [] },
    });
    assert.equal(wan?.proxy?.server, "proxy.shop:3128");
    assert.deepEqual(air?.wifi?.[0]?.secret, { kind: "clear", user: "", password: "open sesame" });
    assert.deepEqual([...settings.keys()], ["network.fallback.any.eth", "timer.config.interval"]);
  });

  const other = new X509Certificate(pem("onboard.pem")).toString();
  const rows: readonly (readonly [why: string, bytes: Uint8Array, roots: string[], message: RegExp])[] = [
    ["changed after it was signed", file(shop, { tampered: true }), [root], /nobody vouches/],
    ["another root", file(shop), [other], /nobody vouches/],
    ["no chain to the root", file(shop, { types: [1] }), [root], /nobody vouches/],
    ["nobody's certificate", file(shop, { types: [2] }), [root], /nobody vouches/],
    ["signed by two", file(shop, { types: [1, 1, 2] }), [root], /nobody vouches/],
    ["no envelope", new Uint8Array(), [root], /signed_config: is missing/],
    ["no message", new Uint8Array([0xff, 0xff]), [root], /no BootstrapConfig/],
    ["as large as no such file is", new Uint8Array(2 ** 20 + 1), [root], /at most 1048576/],
  ];
  for (const [why, bytes, roots, message] of rows)
    it(`is not followed: ${why}`, () => assert.throws(() => readBootstrap(bytes, roots), message));
});

const card: CardState = { up: true, mac: "", mtu: 1500, addresses: [], gateways: [], dns: [] };

/** A box that starts, as often as it is asked to, on one disk. */
class Box {
  readonly files = new Map<string, Uint8Array>();
  readonly disk = {
    read: async (path: string) => this.files.get(path),
    size: async (path: string) => this.files.get(path)?.length,
    writeDurable: async (path: string, bytes: Uint8Array) => void this.files.set(path, bytes),
  } as unknown as Disk;

  /** Resolves with who said how the ports in force are to be, and what they are called. */
  async start(given: Uint8Array | undefined, controller?: readonly PortSpec[]): Promise<string> {
    const [store, clock, wanted] = [
      new EngineStore(),
      new SystemClock(),
      new Cell<DesiredState | undefined>(undefined),
    ];
    const log = new Log("test", clock, silentSink);
    const settings = new Settings(wanted);
    await settings.load(this.disk);
    const { disk } = this;
    const found = given === undefined ? {} : { bootstrap: given };
    const bootstrap = new Bootstrap({ disk, config: { ...found, roots: [root] }, settings, log });
    await bootstrap.load();
    const driver: Partial<PortDriver> = {
      ...{ manages: true, apply: async () => new Map(), probe: async () => {}, askBeyond: async () => {} },
      look: async () => new Map([["eth0", card]]),
    };
    const reconciler = new PortReconciler({
      ...{ store, clock, disk, driver: driver as PortDriver, log, bootstrap },
      secrets: { openPortSecret: async () => ({ user: "", password: "" }) },
      credentials: { credential: () => undefined },
      settings: {
        ...{ number: () => 0, isOn: () => true, seconds: () => millis(1000) },
        choice: (key) => settings.choice(key),
      },
    });
    await reconciler.load();
    const steps = async (): Promise<void> => {
      for (let step = 0; step < 2; step++) await reconciler.reconcile(portKey, new AbortController().signal);
    };
    await steps();
    this.fallback = settings.choice("network.fallback.any.eth");
    if (controller !== undefined) {
      this.files.set("control/config.pb", new Uint8Array(1));
      const state = { ports: controller, settings: new Map() } as unknown as DesiredState;
      wanted.set(state);
      store.desired.set(state);
      await steps();
    }
    await settings.save();
    const { systemAdapter } = portsPart(store.ports.get());
    const { key, ports = [] } = systemAdapter?.status?.[systemAdapter.currentIndex ?? 0] ?? {};
    return `${key}: ${ports.map(({ name, configSource }) => `${name} ${configSource?.origin}`).join()}`;
  }

  fallback = "";
}

describe("a box that was given a bootstrap-config.pb", () => {
  const told: PortSpec = { name: "told", interface: "eth0", labels: [], uplink: true, cost: 0 };
  const changed = file({
    ...shop,
    systemAdapterList: [{ name: "wan", uplink: true, networkUUID: "n1", addr: "10.1.0.8" }],
  });

  it("speaks as it says, with config items that can be, and without it as its network says", async () => {
    const box = new Box();
    assert.equal(await box.start(file(shop)), "bootstrap: wan 2,air 2");
    assert.equal(box.fallback, "enabled");
    assert.equal(await new Box().start(undefined), "lastresort: eth0 4");
  });

  it("speaks as its network says when the file may not be followed", async () => {
    assert.equal(await new Box().start(file(shop, { tampered: true })), "lastresort: eth0 4");
  });

  it("takes another file as long as no controller has said anything", async () => {
    const box = new Box();
    await box.start(file(shop));
    assert.equal(await box.start(changed), "bootstrap: wan 2");
    assert.equal(await box.start(undefined), "bootstrap: wan 2", "the stick is gone, what it said stays");
  });

  it("follows the controller from its first configuration on, and no file after that", async () => {
    const box = new Box();
    assert.equal(await box.start(file(shop), [told]), "zedagent: told 1");
    assert.equal(box.fallback, "enabled");
    assert.equal(await box.start(changed), "zedagent: told 1");
    assert.equal(box.fallback, "disabled");
  });

  it("knows the controller's word for its own when both say the same", async () => {
    const box = new Box();
    const { ports = [] } = readBootstrap(file(shop), [root]);
    assert.equal(await box.start(file(shop), ports), "zedagent: wan 1,air 1");
    assert.equal(await box.start(changed), "zedagent: wan 1,air 1");
  });
});
