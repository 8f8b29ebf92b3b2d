import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Modems } from "../linux/modems.ts";
import type { ModemLogin } from "../port-driver.ts";
import { connectArgument, parseBearer, parseModem, parseModemList } from "./modem-answers.ts";

/** In the form that mmcli gives them with --output-json; written by hand, as no modem is at hand. */
const path = "/org/freedesktop/ModemManager1";
const modem = (generic: object = {}, mobile: object = {}): string =>
  JSON.stringify({
    modem: {
      "3gpp": {
        ...{ imei: "490154203237518", "operator-code": "26201", "operator-name": "Telekom" },
        ...{ "registration-state": "home", ...mobile },
      },
      generic: {
        ...{ "access-technologies": ["lte"], bearers: [], manufacturer: "QUALCOMM", model: "EM7455" },
        ...{ ports: ["cdc-wdm0 (mbim)", "wwan0 (net)"], "primary-sim-slot": "1", revision: "1.2" },
        ...{ state: "registered", "state-failed-reason": "--", "unlock-required": "sim-pin2", ...generic },
      },
    },
  });
const bearer = (more: object = {}, ipv4: object = {}): string =>
  JSON.stringify({
    bearer: {
      "ipv4-config": {
        ...{ address: "10.1.2.3", dns: ["10.1.2.53"], gateway: "10.1.2.1", method: "static", prefix: "30" },
        ...ipv4,
      },
      "ipv6-config": { address: "--", dns: [], gateway: "--", method: "--", prefix: "--" },
      properties: { apn: "internet" },
      status: { connected: "yes", interface: "wwan0", ...more },
    },
  });
const login: ModemLogin = {
  ...{ apn: "internet", simSlot: 0, authentication: "none", roaming: false, family: "ipv4v6" },
  ...{ user: "", password: "" },
};

describe("what ModemManager says", () => {
  it("is which modems there are", () =>
    assert.deepEqual(
      parseModemList(JSON.stringify({ "modem-list": [`${path}/Modem/0`, `${path}/Modem/12`] })),
      ["0", "12"],
    ));

  it("is how one is", () => {
    const { cards, state, failure, imei, operator, protocol, roaming, technologies } = parseModem(modem());
    assert.deepEqual(
      [cards, state, failure, imei, protocol],
      [["wwan0"], "registered", "", "490154203237518", "mbim"],
    );
    assert.deepEqual([operator, roaming, technologies], [{ plmn: "26201", name: "Telekom" }, false, ["lte"]]);
    assert.equal(parseModem(modem({}, { "registration-state": "roaming" })).roaming, true);
  });

  const failures: readonly (readonly [RegExp, object])[] = [
    [/asks for its PIN/, { state: "locked", "unlock-required": "sim-pin" }],
    [/asks for its PUK/, { state: "locked", "unlock-required": "sim-puk" }],
    [/no SIM card/, { state: "failed", "state-failed-reason": "sim-missing" }],
    [/it failed: unknown/, { state: "failed", "state-failed-reason": "unknown" }],
  ];
  for (const [why, generic] of failures)
    it(`is ${why.source}`, () => assert.match(parseModem(modem(generic)).failure, why));

  it("is what a network gave", () => {
    assert.deepEqual(parseBearer(bearer()), {
      ...{ connected: true, card: "wwan0", apn: "internet", asks: false },
      ...{ addresses: ["10.1.2.3/30"], gateways: ["10.1.2.1"], dns: ["10.1.2.53"] },
    });
    const dhcp = parseBearer(bearer({}, { method: "dhcp", address: "--", dns: [] }));
    assert.deepEqual([dhcp.asks, dhcp.addresses], [true, []]);
  });
});

describe("a modem is asked to connect", () => {
  const rows: readonly (readonly [Partial<ModemLogin>, string])[] = [
    [{}, 'apn="internet",allow-roaming=no,ip-type=ipv4v6'],
    [{ roaming: true, family: "ipv6" }, 'apn="internet",allow-roaming=yes,ip-type=ipv6'],
    [
      { authentication: "pap-chap", user: "ann", password: 'a,"b' },
      `apn="internet",allow-roaming=no,ip-type=ipv4v6,allowed-auth=pap|chap,user="ann",password='a,"b'`,
    ],
  ];
  for (const [more, wanted] of rows)
    it(`by ${wanted}`, () => assert.equal(connectArgument({ ...login, ...more }), wanted));
  it("not by what has no form", () =>
    assert.throws(() => connectArgument({ ...login, apn: `a'b"c` }), /cannot be given/));

  const script = (answers: (args: string) => string | undefined): [Modems, string[]] => {
    const asked: string[] = [];
    const modems = new Modems(async (args) => {
      asked.push(args.join(" "));
      const answer = answers(args.join(" "));
      if (answer === undefined) throw new Error(`mmcli ${args.join(" ")}: no`);
      return answer;
    });
    return [modems, asked];
  };
  const list = JSON.stringify({ "modem-list": [`${path}/Modem/3`] });

  it("and tells what its network gave", async () => {
    let connected = false;
    const [modems, asked] = script((args) => {
      if (args === "-L -J") return list;
      if (args === "-m 3 -J")
        return modem(connected ? { state: "connected", bearers: [`${path}/Bearer/7`] } : {});
      if (args.includes("--simple-connect")) connected = true;
      return args === "-b 7 -J" ? bearer() : "";
    });
    assert.deepEqual((await modems.connect("wwan0", login)).addresses, ["10.1.2.3/30"]);
    assert.equal(asked.filter((it) => it.includes("--simple-connect=apn=")).length, 1);
    await modems.connect("wwan0", login);
    assert.equal(
      asked.filter((it) => it.includes("--simple-connect=apn=")).length,
      1,
      "what is connected stays",
    );
    assert.equal(modems.told("wwan0")?.gateways[0], "10.1.2.1");
  });

  it("and tells why it is not, without what is secret", async () => {
    const [modems] = script((args) => (args === "-L -J" ? list : args === "-m 3 -J" ? modem() : undefined));
    const secret = { ...login, authentication: "pap", user: "ann", password: "hidden" } as const;
    await assert.rejects(modems.connect("wwan0", secret), (error: Error) => {
      assert.match(error.message, /internet: mmcli -m 3/);
      assert.doesNotMatch(`${error.message} ${error.cause}`, /hidden/);
      return true;
    });
    await assert.rejects(modems.connect("wwan9", login), /no modem that speaks by wwan9 \(it knows 1\)/);
  });

  it("and is looked at: whether there is none, or it cannot be told", async () => {
    assert.equal(
      (await script((args) => (args === "-L -J" ? list : modem()))[0].look("wwan0"))?.imei,
      "490154203237518",
    );
    assert.equal(await script((args) => (args === "-L -J" ? list : modem()))[0].look("eth0"), undefined);
    const failing = (message: string, more: object = {}): Modems =>
      new Modems(() =>
        Promise.reject(new Error("mmcli -L -J", { cause: Object.assign(new Error(message), more) })),
      );
    for (const nobody of [
      failing("error: couldn't find the ModemManager process in the bus"),
      failing("error: couldn't get bus: Could not connect: No such file or directory"),
      failing("spawn mmcli ENOENT", { code: "ENOENT" }),
    ])
      assert.equal(await nobody.look("wwan0"), undefined);
    await assert.rejects(failing("error: timeout was reached").look("wwan0"), /mmcli -L -J/);
  });

  it("and says where it is, once its receiver of satellites is on", async () => {
    const gps = {
      altitude: "519.5",
      latitude: "48,137154",
      longitude: "-11.576124",
      utc: "101112.0",
      nmea: [],
    };
    let answer: object = { gps };
    const [modems, asked] = script((args) => {
      if (args === "-L -J") return list;
      if (args.includes("--location-get")) return JSON.stringify({ modem: { location: answer } });
      return args === "-m 3 -J" ? modem() : "";
    });
    const place = { latitude: 48.137154, longitude: -11.576124, altitude: 519.5 };
    assert.deepEqual([await modems.place("wwan0"), await modems.place("wwan0")], [place, place]);
    assert.equal(asked.filter((it) => it.includes("--location-enable-gps-raw")).length, 1);
    for (const nothing of [{}, { gps: { ...gps, latitude: "--" } }, { gps: { ...gps, longitude: "181" } }]) {
      answer = nothing;
      assert.equal(await modems.place("wwan0"), undefined);
    }
  });

  it("by the SIM card that is wanted", async () => {
    const [modems, asked] = script((args) => (args === "-L -J" ? list : args === "-m 3 -J" ? modem() : ""));
    await assert.rejects(modems.connect("wwan0", { ...login, simSlot: 2 }), /changes to SIM slot 2/);
    assert.equal(asked.at(-1), "-m 3 --set-primary-sim-slot=2");
  });
});
