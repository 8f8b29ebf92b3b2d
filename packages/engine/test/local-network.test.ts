/** What a local profile server may say of ports and of how machines start. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { instant, minutes } from "@selvedge/base";
import { common, type config, info, netCommon, profile, profileNetwork, storage } from "@selvedge/eve-api";
import { readNetwork } from "../src/control/local/local-network.ts";
import { modemStatuses } from "../src/control/local/local-radio.ts";
import type { PortAddress, PortSpec } from "../src/desired.ts";
import type { RunningEngine } from "./control-world.ts";
import { app, content, Server, start } from "./local-server-world.ts";
import { knownModem } from "./mmcli-recorded.ts";
import { nodeId } from "./scripted-gateway.ts";

type Port = MessageInitShape<typeof profileNetwork.NetworkPortConfigSchema>;
const network = "55555555-5555-4555-8555-555555555555";
const { Client } = netCommon.DHCPType;
const ports: MessageInitShape<typeof config.EdgeDevConfigSchema> = {
  networks: [{ id: network, type: netCommon.NetworkType.V4, ip: { dhcp: Client } }],
  deviceIoList: ["eth0", "eth1"].map((logicallabel) => ({
    ...{ logicallabel, ptype: 1, phyaddrs: { ifname: logicallabel } },
  })),
  systemAdapterList: [
    {
      name: "wan",
      lowerLayerName: "eth0",
      networkUUID: network,
      uplink: true,
      allowLocalModifications: true,
    },
    { name: "eth1", networkUUID: network, uplink: true },
  ],
};
const fixed: Port = { logicalLabel: "eth0", ipAddresses: ["192.0.2.9/24"], gateways: ["192.0.2.1"] };
const say = (server: Server, list: Port[], serverToken = "secret"): void =>
  server.say("network", profileNetwork.LocalNetworkConfigSchema, { serverToken, ports: list });
const addresses = ({ store }: RunningEngine): (PortAddress["kind"] | undefined)[] =>
  (store.desired.get()?.ports ?? []).map(({ address }) => address?.kind);
const told = (server: Server): profileNetwork.NetworkInfo =>
  server.last("network", profileNetwork.NetworkInfoSchema);

describe("ports by a local profile server", () => {
  it("are those that the controller lets it have, until it says otherwise", async () => {
    const server = new Server();
    say(server, [fixed, { ...fixed, logicalLabel: "eth1" }]);
    const { world, engine } = await start(server, "secret", ports);
    await using _engine = engine;
    await world.clock.pass(minutes(3));
    assert.deepEqual(addresses(engine), ["static", "dhcp"]);
    const { localConfig } = told(server);
    assert.deepEqual(
      localConfig?.ports.map(({ logicalLabel, errorMessage }) => [logicalLabel, errorMessage]),
      [
        ["eth0", ""],
        ["eth1", 'local modifications not permitted for port "eth1"'],
      ],
    );
    server.answers["network"] = { status: 204 };
    await world.clock.pass(minutes(3));
    assert.deepEqual(addresses(engine), ["static", "dhcp"], "204: nothing new");
    server.answers["network"] = { status: 404 };
    await world.clock.pass(minutes(3));
    assert.deepEqual(addresses(engine), ["dhcp", "dhcp"], "404: as the controller has them");
  });

  it("are remembered through a reboot without it, and without the controller", async () => {
    const server = new Server();
    say(server, [fixed]);
    const { world, engine } = await start(server, "secret", ports);
    await world.clock.pass(minutes(3));
    await engine[Symbol.asyncDispose]();
    world.plates.powerCut();
    [server.online, world.gateway.online] = [false, false];
    await using second = await world.engine();
    assert.deepEqual(addresses(second), ["static", "dhcp"]);
  });

  for (const [what, list, token, expected] of [
    ["another token", [fixed], "other", /another token/],
    ["a port that is not there", [{ ...fixed, logicalLabel: "eth7" }], "secret", /"eth7": is not among/],
    ["one bad port among good ones", [fixed, { ...fixed, mtu: 90 }], "secret", /MTU 90 is not between/],
  ] as const)
    it(`with ${what} are not taken, and the server is told why`, async () => {
      const server = new Server();
      say(server, [...list], token);
      const { world, engine } = await start(server, "secret", ports);
      await using _engine = engine;
      await world.clock.pass(minutes(3));
      assert.deepEqual(addresses(engine), ["dhcp", "dhcp"]);
      assert.match(told(server).localConfig?.errorMessage ?? "", expected);
    });

  it("are told as they are tried and as they are", async () => {
    const server = new Server();
    const { world, engine } = await start(server, "secret", ports);
    await using _engine = engine;
    await world.clock.pass(minutes(1));
    say(server, []);
    const list = engine.store.desired.get()?.ports ?? [];
    const at = { since: instant(1000), ports: list };
    engine.store.ports.set({
      book: {
        current: 1,
        configs: [
          { ...at, digest: "b", lastFailed: instant(5000), lastError: "no way", errors: { wan: "no way" } },
          { ...at, digest: "a", lastSucceeded: instant(3000), lastError: "" },
        ],
      },
      cards: {
        eth0: {
          up: true,
          mac: "02:00:00:00:00:01",
          mtu: 1500,
          addresses: ["192.0.2.9/24"],
          gateways: [],
          dns: [],
        },
      },
      failed: [],
    });
    server.answers["signal"] = { status: 200 };
    await world.clock.pass(minutes(62));
    const { latestConfig, fallbackConfig, isUsingFallbackConfig, configTesting, portStatus } = told(server);
    assert.deepEqual(
      [latestConfig[0]?.errorMessage, latestConfig[0]?.configApplied, fallbackConfig[0]?.configApplied],
      ["no way", false, true],
    );
    assert.equal(isUsingFallbackConfig, true);
    assert.deepEqual([configTesting?.controllerReachable, configTesting?.testingInProgress], [true, false]);
    assert.deepEqual(
      portStatus.map(({ logicalLabel, linkUp, ipAddresses }) => [logicalLabel, linkUp, ipAddresses]),
      [
        ["eth0", true, ["192.0.2.9/24"]],
        ["eth1", false, []],
      ],
    );
  });
});

describe("a port of a local profile server", () => {
  const known = [{ name: "eth0" }] as PortSpec[];
  const { WIFI, CELLULAR } = profileNetwork.WirelessType;
  const read = (port: Port): ReturnType<typeof readNetwork>[number] | undefined =>
    readNetwork(
      [create(profileNetwork.NetworkPortConfigSchema, { logicalLabel: "eth0", ...port })],
      known,
    )[0];
  const bad: readonly (readonly [Port, RegExp])[] = [
    [{ logicalLabel: "" }, /undefined logical label/],
    [{}, /invalid IP address ""/],
    [{ ipAddresses: ["192.0.2.9"] }, /invalid IP address/],
    [{ ipAddresses: ["192.0.2.9/33"] }, /invalid IP address/],
    [{ ipAddresses: ["192.0.2.9/24", "192.0.2.8/24"] }, /multiple static IP addresses/],
    [{ ...fixed, gateways: ["192.0.2.1", "192.0.2.2"] }, /multiple static IP gateways/],
    [{ ...fixed, gateways: ["fd00::1"] }, /invalid gateway/],
    [{ ...fixed, dnsServers: ["name"] }, /invalid DNS server/],
    [{ ...fixed, ipVersion: profileNetwork.IPVersion.IP_VERSION_IPV6_ONLY }, /not of the one family/],
    [{ useDhcp: true, dnsServers: ["192.0.2.53"] }, /takes all that the network says/],
    [{ useDhcp: true, wirelessDeviceType: WIFI }, /missing WiFi/],
    [{ useDhcp: true, wirelessDeviceType: CELLULAR }, /missing cellular/],
  ];
  for (const [port, expected] of bad)
    it(`is refused: ${expected.source}`, () => assert.throws(() => read(port), expected));

  it("is static or as the network says, of one family or both", () => {
    assert.deepEqual(read({ useDhcp: true })?.address, { kind: "dhcp" });
    const six = profileNetwork.IPVersion.IP_VERSION_IPV6_ONLY;
    assert.deepEqual(read({ useDhcp: true, ipVersion: six })?.address, { kind: "dhcp", family: "ipv6" });
    const wanted = { kind: "static", address: "fd00::9/64", gateway: "", dns: [], domain: "", ntp: ["n"] };
    assert.deepEqual(read({ ipAddresses: ["fd00::9/64"], ntpServers: ["n"] })?.address, wanted);
    assert.deepEqual(read({ ...fixed, withoutDefaultRoute: true, mtu: 9000 }), {
      ...{ label: "eth0", mtu: 9000 },
      address: { kind: "static", address: "192.0.2.9/24", gateway: "", dns: [], domain: "", ntp: [] },
    });
  });

  it("may be by air, with a name and a password of the server's", () => {
    const wifi = { ssid: "shop", keyScheme: netCommon.WiFiKeyScheme.WPAPSK, password: "pw" };
    assert.deepEqual(
      read({ useDhcp: true, wirelessDeviceType: WIFI, wirelessConfig: { case: "wifiConfig", value: wifi } })
        ?.wifi,
      [
        {
          ...{ ssid: "shop", security: "psk", priority: 0 },
          secret: { kind: "clear", user: "", password: "pw" },
        },
      ],
    );
    const value = {
      ...{
        apn: "internet",
        activateSimSlot: 2,
        forbidRoaming: true,
        attachApn: "edge",
        attachIpType: netCommon.CellularIPType.CELLULAR_IP_TYPE_IPV4,
      },
      attachBearerAuth: {
        authProtocol: netCommon.CellularAuthProtocol.CHAP,
        username: "at",
        password: "tach",
      },
      probe: {
        customProbe: {
          probeMethod: netCommon.ConnectivityProbeMethod.TCP,
          probeEndpoint: { host: "192.0.2.1", port: 443 },
        },
      },
    };
    const modem = read({
      ...{ useDhcp: true, wirelessDeviceType: CELLULAR },
      wirelessConfig: { case: "cellularConfig", value },
    });
    assert.deepEqual(modem?.cellular, {
      ...{ apn: "internet", simSlot: 2, roaming: false, family: "ipv4v6", authentication: "none" },
      attach: { apn: "edge", family: "ipv4", authentication: "chap" },
      probe: { kind: "tcp", host: "192.0.2.1", port: 443 },
      secret: { kind: "clear", user: "", password: "", attachUser: "at", attachPassword: "tach" },
    });
  });
});

it("a box that knows where it is says so, at its own pace, and nothing before", async () => {
  const server = new Server();
  server.answers["location"] = { status: 204 };
  const { world, engine } = await start(server, "secret", ports);
  await using _engine = engine;
  await world.clock.pass(minutes(2));
  assert.equal(server.count("location"), 0);
  const place = { latitude: 48.1, longitude: 11.5, altitude: undefined, at: 1_700_000_000_000 };
  const list = engine.store.desired.get()?.ports ?? [];
  const config = { digest: "a", since: instant(0), ports: list, lastSucceeded: instant(1), lastError: "" };
  const card = { up: true, mac: "", mtu: 1500, addresses: [], gateways: [], dns: [], place };
  engine.store.ports.set({ book: { current: 0, configs: [config] }, cards: { eth0: card }, failed: [] });
  await world.clock.pass(minutes(2));
  assert.ok(server.count("location") >= 5 && server.count("location") <= 8, `${server.count("location")}`);
  const { logicallabel, latitude, altitude, utcTimestamp } = server.last(
    "location",
    info.ZInfoLocationSchema,
  );
  assert.deepEqual([logicallabel, latitude, altitude], ["eth0", 48.1, -32_768]);
  assert.equal(utcTimestamp?.seconds, 1_700_000_000n);
  const toController = (): number =>
    world.gateway.infos.filter(({ ztype }) => ztype === info.ZInfoTypes.ZiLocation).length;
  await world.clock.pass(minutes(61));
  assert.equal(toController(), 1, "the controller each hour, where it changed");
});

it("modems are told of with the radio, also while they are to be silent", () => {
  const cellular = { apn: "internet" } as unknown as NonNullable<PortSpec["cellular"]>;
  const port = { name: "lte", label: "wwan", interface: "wwan0", cellular } as unknown as PortSpec;
  const card = { up: true, mac: "", mtu: 1500, addresses: ["10.0.0.1/30"], gateways: [], dns: [] };
  const config = { digest: "a", since: instant(0), ports: [port], lastError: "", errors: { lte: "no" } };
  const book = { current: 0, configs: [config] };
  const status = (silence: boolean, more: object) =>
    modemStatuses({ book, cards: { wwan0: { ...card, ...more } }, failed: [] }, silence)[0];
  const [found, quiet] = [
    status(false, { modem: knownModem, unanswered: "nobody answers" }),
    status(true, {}),
  ];
  assert.deepEqual(
    [found?.logicallabel, found?.configError, found?.module?.imei],
    ["wwan", "no", knownModem.imei],
  );
  assert.deepEqual(found?.providers, [
    { plmn: "26201", description: "Telekom", currentServing: true, roaming: true, forbidden: false },
  ]);
  assert.deepEqual([found?.module?.operatingState, quiet?.module?.operatingState], [4, 2]);
  assert.deepEqual(
    [found?.probeError, found?.simCards?.map(({ state }) => state)],
    ["nobody answers", ["present", "absent"]],
  );
  assert.deepEqual(modemStatuses(undefined, false), []);
});

it("how a machine starts is the server's to say, then the controller's, then the node's", async () => {
  const server = new Server();
  const { BootOrder } = common;
  const wishes = [{ displayname: "web", usbBoot: BootOrder.NOUSB }];
  server.say("appbootinfo", profile.AppBootConfigListSchema, { serverToken: "secret", appConfigs: wishes });
  const { world, engine } = await start(server, "secret", {
    configItems: [{ key: "app.boot.order", value: "usb" }],
    contentInfo: [{ uuid: content, URL: "disk.img", iformat: 3, sha256: "a".repeat(64), dsIdsList: ["d"] }],
  });
  await using _engine = engine;
  const order = (): unknown => engine.store.desired.get()?.apps[0]?.bootOrder;
  await world.clock.pass(minutes(3));
  assert.deepEqual(order(), { usb: "last", by: "local" });
  const [row] = server.last("appbootinfo", profile.AppBootInfoListSchema).appsBootInfo;
  assert.deepEqual(
    [row?.id, row?.bootOrder, row?.source],
    [app, BootOrder.NOUSB, profile.BootOrderSource.LPS],
  );
  server.say("appbootinfo", profile.AppBootConfigListSchema, { serverToken: "secret" });
  await world.clock.pass(minutes(3));
  assert.deepEqual(order(), { usb: "first", by: "node" });
});

describe("what the node knows of itself", () => {
  const to = {
    id: "c",
    ...{
      dType: storage.DsType.DsHttps,
      fqdn: "files.example",
      dpath: "boxes",
      apiKey: "Bearer",
      password: "letmein",
    },
  };
  const command = {
    ...{ serverToken: "secret", timestamp: 5n, command: profile.LocalDevCmd_Command.COLLECT_INFO },
  };

  it("is put where the configuration says, once a command", async () => {
    const server = new Server();
    server.say("devinfo", profile.LocalDevCmdSchema, command);
    const { world, engine } = await start(server, "secret", {
      datastores: [{ id: "d", dType: 5, fqdn: "docker://r" }, to],
      locConfig: { datastoreCollectInfoId: ["c"] },
    });
    await using _engine = engine;
    await world.until("uploaded", () => server.uploads.length >= 2);
    await world.clock.pass(minutes(10));
    assert.deepEqual(
      server.uploads.map(({ method }) => method),
      ["POST", "PUT"],
    );
    const [{ path = "", headers, body = new Uint8Array() } = {}] = server.uploads.slice(1);
    assert.match(path, new RegExp(`^/boxes/eve-info-${nodeId}-[0-9TZ-]+\\.tar\\.gz$`));
    assert.equal(headers?.["authorization"], "Bearer letmein");
    const tar = gunzipSync(body).toString("latin1");
    assert.match(tar, /^eve-info-.*\/app\.txt/);
    assert.ok(tar.includes("UUID\n"));
    assert.ok(world.said("is uploaded"));
  });

  it("stays where it is when the configuration names no place", async () => {
    const server = new Server();
    server.say("devinfo", profile.LocalDevCmdSchema, command);
    const { world, engine } = await start(server);
    await using _engine = engine;
    await world.clock.pass(minutes(3));
    assert.ok(world.said("is not uploaded"));
    assert.deepEqual(server.uploads, []);
  });
});
