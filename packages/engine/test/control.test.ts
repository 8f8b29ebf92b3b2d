import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { hours, instant, minutes, seconds } from "@selvedge/base";
import { type cipher, config, ext, getExtension, info, netinst } from "@selvedge/eve-api";
import { makeCertificate, toPem } from "../src/identity/certificate.ts";
import { ControlWorld, type RunningEngine } from "./control-world.ts";
import { nodeId, recordedKey } from "./scripted-gateway.ts";
import { contextFor, sealFor } from "./sealed-words.ts";

type Config = MessageInitShape<typeof config.EdgeDevConfigSchema>;

const at = Date.UTC(2026, 10, 25);

function configOf(more: Config = {}, version = 0): config.EdgeDevConfig {
  const timestamp = timestampFromMs(at + version * 1000);
  const base: Config = { id: { uuid: nodeId }, configTimestamp: timestamp };
  return create(config.EdgeDevConfigSchema, { ...base, ...more } as Config);
}

function nodeReports(world: ControlWorld): ext.NodeReport[] {
  return world.gateway.infos.flatMap(({ InfoContent }) => {
    const report =
      InfoContent.case === "dinfo" ? getExtension(InfoContent.value, ext.NodeReportSchema) : undefined;
    return report === undefined ? [] : [report];
  });
}

describe("control", () => {
  it("enrols, attests, accepts and reports", async () => {
    const world = new ControlWorld();
    world.gateway.config = configOf({ deviceName: "shop-1" });
    await using engine = await world.engine();
    await world.until("accepted", () => engine.store.desired.get() !== undefined);
    assert.equal(engine.store.desired.get()?.nodeName, "shop-1");
    await world.until("told", () => nodeReports(world).some(({ configHash }) => configHash === "hash-1"));
    const [report] = nodeReports(world).slice(-1);
    assert.equal(report?.identityStore, "file");
    assert.equal(report?.conditions.find(({ type }) => type === "HardwareIdentity")?.reason, "SoftwareKeys");
    assert.deepEqual(world.gateway.calls.slice(0, 3), ["certs", "register", "uuid"]);
    assert.deepEqual(
      world.gateway.uploaded.map(({ type }) => type),
      [13],
    );
    assert.equal(world.gateway.quotes[0]?.attestData.length, 0);
    // Controllers keep back what has a higher number: sealed patches, snapshots at once, networks of one family.
    const [{ InfoContent: device }] = world.gateway.infos.filter(({ ztype }) => ztype === 1) as [
      info.ZInfoMsg,
    ];
    const { API_CAPABILITY_REPORT_TPM_EVENTLOG: capability } = info.APICapability;
    assert.equal(device.case === "dinfo" && device.value.apiCapability, capability);
  });

  it("waits at the door for as long as it takes, and says so", async () => {
    const world = new ControlWorld();
    world.gateway.admits = false;
    world.gateway.config = configOf();
    await using engine = await world.engine();
    await world.clock.pass(hours(2));
    assert.ok(world.said("waiting for approval"));
    world.gateway.admits = true;
    await world.until("accepted", () => engine.store.desired.get() !== undefined);
  });

  it("runs on what it accepted before, with no network, and through years of wrong clock", async () => {
    const world = new ControlWorld();
    world.gateway.config = configOf({ deviceName: "shop-1" });
    {
      await using engine = await world.engine();
      await world.until("accepted", () => engine.store.desired.get() !== undefined);
    }
    world.plates.powerCut();
    world.gateway.online = false;
    world.clock.jump(hours(-24 * 365 * 40));
    await using engine = await world.engine();
    assert.equal(engine.store.desired.get()?.nodeName, "shop-1");
    world.clock.jump(hours(24 * 365 * 80));
    await world.clock.pass(hours(4));
    assert.equal(engine.store.desired.get()?.nodeName, "shop-1");
    world.clock.jump(hours(-24 * 365 * 40));
    world.gateway.online = true;
    world.gateway.config = configOf({ deviceName: "shop-2" }, 1);
    world.gateway.hash = "hash-2";
    await world.until("the next one", () => engine.store.desired.get()?.nodeName === "shop-2");
  });

  const refused: readonly (readonly [string, Config, string])[] = [
    ["is for another node", configOf({ id: { uuid: "22222222-2222-4222-8222-222222222222" } }, 1), "id.uuid"],
    ["is older", configOf({}, -1), "config_timestamp"],
    ["holds an app without an id", configOf({ apps: [{}] }, 1), "apps[0].uuidandversion.uuid"],
  ];
  for (const [what, wrong, field] of refused) {
    it(`keeps the last good configuration when one ${what}, and says which field is wrong`, async () => {
      const world = new ControlWorld();
      world.gateway.config = configOf({ deviceName: "good" });
      await using engine = await world.engine();
      await world.until("accepted", () => engine.store.desired.get() !== undefined);
      world.gateway.config = wrong;
      world.gateway.hash = "hash-2";
      await world.until("told", () =>
        nodeReports(world).some((report) => report.configError?.field === field),
      );
      assert.equal(engine.store.desired.get()?.nodeName, "good");
      assert.equal(nodeReports(world).at(-1)?.configHash, "hash-1");
      const said = world.gateway.infos.findLast(({ ztype }) => ztype === 1)?.InfoContent.value;
      const { unknownConfigItems } = (said as info.ZInfoDevice).configItemStatus ?? {};
      assert.match(unknownConfigItems?.[field]?.error ?? "", /^refused: /, "in EVE's own words as well");
      world.gateway.config = configOf({ deviceName: "better" }, 2);
      world.gateway.hash = "hash-3";
      await world.until("mended", () => nodeReports(world).at(-1)?.configError === undefined);
      assert.equal(engine.store.desired.get()?.nodeName, "better");
    });
  }

  it("takes one that says no time, and after it none that is older than the last that did", async () => {
    const world = new ControlWorld();
    const give = (version: number, more: Config): void => {
      world.gateway.config = configOf(more, version);
      world.gateway.hash = `hash of ${more.deviceName}`;
    };
    give(5, { deviceName: "first" });
    await using engine = await world.engine();
    const runsOn = (name: string): boolean => engine.store.desired.get()?.nodeName === name;
    await world.until("the first", () => runsOn("first"));
    give(0, { deviceName: "timeless", configTimestamp: undefined } as Config);
    await world.until("the one without a time", () => runsOn("timeless"));
    give(4, { deviceName: "older" });
    await world.until("told", () =>
      nodeReports(world).some(({ configError }) => configError?.field === "config_timestamp"),
    );
    assert.ok(runsOn("timeless"));
  });

  it("holds nothing against another name that was given to the name before", async () => {
    const world = new ControlWorld();
    world.gateway.config = configOf({ deviceName: "first" }, 5);
    await using engine = await world.engine();
    await world.until("the first", () => engine.store.desired.get() !== undefined);
    const node = "22222222-2222-4222-8222-222222222222";
    world.gateway.node = node;
    world.gateway.config = configOf({ id: { uuid: node }, deviceName: "anew" }, 0);
    world.gateway.hash = "hash-2";
    await world.until("the one of its new name", () => engine.store.desired.get()?.nodeName === "anew");
  });

  it("tries a configuration again that a full disk could not take", async () => {
    const world = new ControlWorld();
    world.gateway.config = configOf();
    await using engine = await world.engine();
    await world.until("accepted", () => engine.store.desired.get() !== undefined);
    world.plates.setFree(0);
    world.gateway.config = configOf({ deviceName: "later" }, 1);
    world.gateway.hash = "hash-2";
    await world.clock.pass(minutes(30));
    assert.notEqual(engine.store.desired.get()?.nodeName, "later");
    world.plates.setCapacity(2 ** 30);
    await world.until("accepted", () => engine.store.desired.get()?.nodeName === "later");
  });

  it("believes nothing of a power cut while a configuration is written but the old or the new one", async () => {
    for (let write = 1; write <= 4; write++) {
      const world = new ControlWorld();
      world.gateway.config = configOf({ deviceName: "old" });
      const say = (): void => {
        world.gateway.config = configOf({ deviceName: "new" }, 1);
        world.gateway.hash = "hash-2";
      };
      await world.loseControllerAndPower(write, say, ({ store }) => store.desired.get()?.nodeName === "new");
      await using second = await world.engine();
      assert.match(second.store.desired.get()?.nodeName ?? "none", /^(old|new)$/);
    }
  });

  it("attests again when the controller refuses its token", async () => {
    const world = new ControlWorld();
    world.gateway.config = configOf();
    await using engine = await world.engine();
    await world.until("accepted", () => engine.store.desired.get() !== undefined);
    world.gateway.token = new TextEncoder().encode("token-2");
    world.gateway.config = configOf({ deviceName: "second" }, 1);
    world.gateway.hash = "hash-2";
    await world.until("accepted", () => engine.store.desired.get()?.nodeName === "second");
    assert.equal(world.gateway.quotes.length, 2);
  });

  it("tells nothing twice, and everything when the epoch changes", async () => {
    const world = new ControlWorld();
    world.gateway.config = configOf({
      configItems: [{ key: "timer.deviceinfo.interval", value: "4000000" }],
      networkInstances: [
        {
          uuidandversion: { uuid: "33333333-3333-4333-8333-333333333333" },
          displayname: "default",
          instType: 2,
          ip: { subnet: "10.77.0.0/24" },
        },
      ],
    });
    await using engine = await world.engine();
    await world.until("accepted", () => engine.store.desired.get() !== undefined);
    await world.clock.pass(minutes(5));
    const told = world.gateway.infos.length;
    await world.clock.pass(hours(24));
    assert.equal(world.gateway.infos.length, told);
    world.gateway.config.controllerEpoch = 1n;
    world.gateway.hash = "hash-2";
    await world.clock.pass(minutes(5));
    const types = new Set(world.gateway.infos.slice(told).map(({ ztype }) => ztype));
    assert.ok(types.has(info.ZInfoTypes.ZiDevice) && types.has(info.ZInfoTypes.ZiNetworkInstance));
  });

  it("tells what is gone, also when it went while the engine was down", async () => {
    const world = new ControlWorld();
    const network = (uuid: string): Pick<Config, "networkInstances"> => ({
      networkInstances: [
        create(netinst.NetworkInstanceConfigSchema, {
          ...{ uuidandversion: { uuid }, displayname: "n", instType: 2, ip: { subnet: "10.77.0.0/24" } },
        }),
      ],
    });
    const [one, two] = ["33333333-3333-4333-8333-333333333333", "44444444-4444-4444-8444-444444444444"];
    world.gateway.config = configOf(network(one));
    const told = (id: string, state: number): boolean =>
      world.gateway.infos.some(
        ({ InfoContent: { case: kind, value } }) =>
          kind === "niinfo" && value.networkID === id && value.state === state,
      );
    {
      await using engine = await world.engine();
      await world.until("accepted", () => engine.store.desired.get() !== undefined);
      await world.until("told", () => told(one, 1));
    }
    world.gateway.config = configOf(network(two), 1);
    world.gateway.hash = "hash-2";
    await using engine = await world.engine();
    await world.until("told", () => told(two, 1) && told(one, 0));
    assert.equal(engine.store.desired.get()?.networks.length, 1);
  });

  it("keeps the newest report until the controller takes it", async () => {
    const world = new ControlWorld();
    world.gateway.infoStatus = 503;
    world.gateway.config = configOf();
    await using engine = await world.engine();
    await world.until("accepted", () => engine.store.desired.get() !== undefined);
    await world.clock.pass(hours(6));
    assert.equal(world.gateway.infos.length, 0);
    world.gateway.infoStatus = 201;
    await world.until("told", () => nodeReports(world).at(-1)?.configHash === "hash-1");
  });

  it("uploads its own log as EVE does", async () => {
    const world = new ControlWorld();
    world.gateway.config = configOf();
    await using engine = await world.engine();
    await world.until("accepted", () => engine.store.desired.get() !== undefined);
    await world.until("uploaded", () => world.gateway.deviceLogs.length > 0);
    const [file = new Uint8Array()] = world.gateway.deviceLogs;
    assert.deepEqual([...file.subarray(0, 4)], [0x1f, 0x8b, 8, 0x10]);
    const end = file.indexOf(0, 10);
    const about = JSON.parse(Buffer.from(file.subarray(10, end)).toString("latin1"));
    assert.deepEqual(about, { devID: nodeId, image: "", eveVersion: "test" });
    await world.clock.pass(seconds(1));
  });

  it("follows a controller that changes its key, and believes what the old one signed", async () => {
    const world = new ControlWorld();
    world.gateway.config = configOf({ deviceName: "old key" });
    {
      await using engine = await world.engine();
      await world.until("accepted", () => engine.store.desired.get() !== undefined);
      world.gateway.signing = await anotherSigner();
      await world.clock.pass(minutes(10));
      assert.equal(world.gateway.count("certs") >= 1, true);
    }
    world.gateway.online = false;
    {
      await using engine = await world.engine();
      assert.equal(engine.store.desired.get()?.nodeName, "old key");
      world.gateway.online = true;
      world.gateway.config = configOf({ deviceName: "new key" }, 1);
      world.gateway.hash = "hash-2";
      await world.until("accepted", () => engine.store.desired.get()?.nodeName === "new key");
    }
    world.gateway.online = false;
    await using engine = await world.engine();
    assert.equal(engine.store.desired.get()?.nodeName, "new key");
  });

  it("believes no stored configuration that was changed on the disk", async () => {
    const world = new ControlWorld();
    world.gateway.config = configOf({ deviceName: "honest" });
    {
      await using engine = await world.engine();
      await world.until("accepted", () => engine.store.desired.get() !== undefined);
    }
    const bytes = world.plates.read("control/config.pb")?.slice() ?? new Uint8Array();
    const at = Buffer.from(bytes).indexOf("honest");
    bytes[at] = "H".charCodeAt(0);
    world.plates.corrupt("control/config.pb", bytes);
    world.gateway.online = false;
    await using engine = await world.engine();
    assert.equal(engine.store.desired.get(), undefined);
    assert.ok(world.said("the stored configuration is not believed"));
  });
});

describe("a controller that changes its ECDH certificate", () => {
  it("leaves what was sealed under the old one to be opened, through new configurations and reboots", async () => {
    const world = new ControlWorld();
    const { gateway } = world;
    const old = gateway.exchange;
    const word = new TextEncoder().encode("word");
    const accept = async (engine: RunningEngine, hash: string, version: number): Promise<void> => {
      gateway.config = configOf({ cipherContexts: [contextFor(engine, old)] }, version);
      gateway.hash = hash;
      await world.until(hash, () => engine.store.desired.get()?.configHash === hash);
    };
    let block: cipher.CipherBlock;
    {
      await using engine = await world.engine();
      await accept(engine, "hash-1", 1);
      block = await sealFor(engine, old, word);
      assert.deepEqual(await engine.secrets.open(block), word);
    }
    for (const [step, hash] of ["hash-2", "hash-3"].entries()) {
      gateway.exchange = (await anotherSigner()).pem;
      await using engine = await world.engine();
      await world.clock.pass(hours(48));
      await accept(engine, hash, step + 2);
      assert.deepEqual(await engine.secrets.open(block), word, `after ${hash}`);
    }
    gateway.online = false;
    await using engine = await world.engine();
    assert.deepEqual(await engine.secrets.open(block), word, "after a reboot without a network");
  });
});

/** A second leaf under the recorded intermediate. */
async function anotherSigner(): Promise<{ pem: Uint8Array; key: KeyObject }> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = createPrivateKey(recordedKey("inter-key.pem"));
  const der = await makeCertificate({
    subject: { organization: "EVE peers throwaway", commonName: "second signing" },
    issuer: { organization: "EVE peers throwaway", commonName: "peer intermediate CA" },
    publicKey: publicKey.export({ format: "der", type: "spki" }),
    serial: Uint8Array.of(42),
    notBefore: instant(at),
    notAfter: instant(at + hours(24 * 365)),
    authority: false,
    usages: ["digitalSignature"],
    sign: async (bytes) => sign("sha256", bytes, { key: issuer, dsaEncoding: "ieee-p1363" }),
  });
  return { pem: new TextEncoder().encode(toPem(der).trim()), key: privateKey };
}
