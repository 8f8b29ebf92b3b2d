import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bearerOf, modemOf, recorded, simOf } from "../../../test/mmcli-recorded.ts";
import { Modems } from "../linux/modems.ts";
import type { ModemLogin } from "../port-driver.ts";
import {
  connectArgument,
  parseBearer,
  parseModem,
  parseModemList,
  parseProfiles,
  parseSignal,
  parseSim,
} from "./modem-answers.ts";

const path = "/org/freedesktop/ModemManager1";
const modem = (generic?: object, mobile?: object): string => JSON.stringify(modemOf(generic, mobile));
const bearer = (more?: object, ipv4?: object, top?: object): string =>
  JSON.stringify(bearerOf(more, ipv4, top));
const login: ModemLogin = {
  ...{ apn: "internet", simSlot: 0, authentication: "none", roaming: false, family: "ipv4v6" },
  ...{ user: "", password: "" },
};

const traffic = { rxBytes: 1, rxPackets: 1, rxDrops: 0, txBytes: 1, txPackets: 1, txDrops: 0 };
const script = (answers: (args: string) => string | undefined): [Modems, string[]] => {
  const asked: string[] = [];
  const modems = new Modems(
    async (args) => {
      asked.push(args.join(" "));
      const answer = answers(args.join(" "));
      if (answer === undefined) throw new Error(`mmcli ${args.join(" ")}: no`);
      return answer;
    },
    async () => traffic,
  );
  return [modems, asked];
};
const list = JSON.stringify({ "modem-list": [`${path}/Modem/3`] });

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
    assert.deepEqual([operator, roaming, technologies], [{ plmn: "26201", name: "26201" }, false, ["lte"]]);
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
      ...{ connected: true, card: "wwan0", apn: "internet", asks: false, kind: "default", families: "ipv4" },
      ...{ addresses: ["10.1.2.3/30"], gateways: ["10.1.2.1"], dns: ["10.1.2.53"] },
      ...{ error: "", since: 1_795_678_467 },
    });
    const dhcp = parseBearer(bearer({}, { method: "dhcp", address: "--", dns: [] }));
    assert.deepEqual([dhcp.asks, dhcp.addresses], [true, []]);
  });

  it("is why a network does not let it in", () => {
    const error = { name: "org.freedesktop.ModemManager1.Error.Gsm", message: "no such APN" };
    const failed = parseBearer(bearer({ connected: "no", "connection-error": error }));
    assert.deepEqual([failed.error, failed.since], [`${error.name}: no such APN`, 0]);
  });

  it("is what a modem made of commands is, as recorded", () => {
    const found = parseModem(JSON.stringify(recorded.modem));
    const { cards, bearers, slots, mode, protocol, usb, pci, device, signal } = found;
    assert.deepEqual([cards, bearers, mode, protocol], [[], ["0"], "connected", "other"]);
    assert.deepEqual([usb, pci, device, signal], ["", "", "abstract:port0", 50]);
    assert.deepEqual(slots, [{ slot: 1, primary: true, filled: true, number: "0", broken: false }]);
    const sim = parseSim(JSON.stringify(recorded.sim), slots[0] ?? assert.fail("no slot"));
    assert.deepEqual(sim, {
      ...{ slot: 1, active: true, iccid: "89490200001234567890", imsi: "262011234567890" },
      ...{ kind: "unknown", state: "present" },
    });
    const [profile] = parseProfiles(JSON.stringify(recorded.profiles));
    assert.deepEqual(profile, {
      ...{ name: "profile-id:1", apn: "internet", kind: "unknown", families: "ipv4", roaming: true },
    });
    assert.deepEqual(parseSignal(JSON.stringify(recorded.signal), ["lte"]), {
      ...{ measures: true, figures: { rsrp: -101, rsrq: -10 } },
    });
    assert.deepEqual(parseSignal(JSON.stringify(recorded.unmeasured), ["lte"]), {
      ...{ measures: false, figures: {} },
    });
  });

  const modes: readonly (readonly [string, object])[] = [
    ["online", { state: "connecting" }],
    ["offline", { state: "searching" }],
    ["offline", { state: "failed" }],
    ["unknown", { state: "unknown" }],
    ["silent", { state: "disabled", "power-state": "low" }],
  ];
  for (const [mode, generic] of modes)
    it(`is that it is ${mode}: ${JSON.stringify(generic)}`, () =>
      assert.equal(parseModem(modem(generic)).mode, mode));

  it("is where it is plugged in", () => {
    const { usb, pci, protocol } = parseModem(modem());
    assert.deepEqual([usb, pci, protocol], ["1:3.2", "0000:00:14.0", "mbim"]);
    const mhi = { device: "/sys/devices/pci0000:00/0000:00:1c.0/0000:2c:00.0", ports: ["wwan0qmi0 (qmi)"] };
    const other = parseModem(modem({ ...mhi, "primary-port": "wwan0qmi0" }));
    assert.deepEqual([other.usb, other.pci, other.protocol], ["", "0000:2c:00.0", "qmi"]);
  });

  const sims: readonly (readonly [string, object, object | undefined])[] = [
    ["1 active present", {}, {}],
    ["1 active present", {}, { active: "--" }],
    ["1 idle inactive", {}, { active: "no" }],
    ["1 active error", { state: "failed", "state-failed-reason": "sim-error" }, {}],
    ["1 active absent", { state: "failed", "state-failed-reason": "sim-missing", sim: "--" }, undefined],
    ["1 active absent embedded", {}, { eid: "89", "esim-status": "no-profiles" }],
    ["1 active present embedded", {}, { "sim-type": "esim", "esim-status": "with-profiles" }],
    ["1 active present physical", {}, { "sim-type": "physical", eid: "89" }],
  ];
  for (const [wanted, generic, properties] of sims)
    it(`is that a card is ${wanted}: ${JSON.stringify([generic, properties])}`, async () => {
      const said = simOf(properties);
      const [modems] = script((args) =>
        args === "-L -J"
          ? list
          : args === "-m 3 -J"
            ? modem(generic)
            : args === "-i 0 -J"
              ? JSON.stringify(said)
              : undefined,
      );
      const [sim] = (await modems.look("wwan0"))?.sims ?? [];
      const kind = sim?.kind === "unknown" ? "" : ` ${sim?.kind}`;
      assert.equal(`${sim?.slot} ${sim?.active ? "active" : "idle"} ${sim?.state}${kind}`, wanted);
    });

  it("is which of several slots are empty", async () => {
    const slots = { "sim-slots": ["/", `${path}/SIM/4`], "primary-sim-slot": "2", sim: `${path}/SIM/4` };
    const [modems] = script((args) =>
      args === "-L -J" ? list : args === "-m 3 -J" ? modem(slots) : JSON.stringify(recorded.sim),
    );
    const sims = (await modems.look("wwan0"))?.sims ?? [];
    assert.deepEqual(
      sims.map(({ slot, active, state, iccid }) => [slot, active, state, iccid]),
      [
        [1, false, "absent", ""],
        [2, true, "present", "89490200001234567890"],
      ],
    );
  });

  it("is how two technologies at a time hear", () => {
    const signal = {
      refresh: { rate: "30" },
      "5g": { rsrp: "-90.5", snr: "--" },
      lte: { rsrp: "-80", snr: "7.9" },
    };
    const text = JSON.stringify({ modem: { signal } });
    assert.deepEqual(parseSignal(text, ["5gnr", "lte"]).figures, { rsrp: -90, snr: 7 });
    assert.deepEqual(parseSignal(text, []).figures, {});
    const both = modem({ "access-technologies": ["lte", "5gnr", "hspa-plus"] });
    assert.deepEqual(parseModem(both).technologies, ["5gnr", "lte", "umts"]);
  });

  it("is what it has stored, without what is secret", () => {
    const line =
      "profile-id: 2, profile-name: a, b, apn: one, ip-type: ipv4v6, apn-type: default, initial, " +
      "roaming-allowance: home, allowed-auth: pap, user: ann, password: hidden, apn: no";
    const text = JSON.stringify({ modem: { "3gpp": { "profile-manager": { list: [line] } } } });
    assert.deepEqual(parseProfiles(text), [
      { name: "a, b", apn: "one", kind: "attach", families: "ipv4v6", roaming: false },
    ]);
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

  it("once it knows which technologies to use, and how to become known to a network", async () => {
    const modes = ["allowed: 2g, 3g, 4g; preferred: none", "allowed: 4g; preferred: none"];
    const [modems, asked] = script((args) => {
      if (args === "-L -J") return list;
      if (args === "-m 3 -J")
        return modem({ "supported-modes": modes, state: "connected", bearers: [`${path}/Bearer/7`] });
      return args === "-b 7 -J" ? bearer() : "";
    });
    const attach = { apn: "edge", authentication: "pap", family: "ipv4" } as const;
    const wish = { ...login, technologies: ["lte"], attach, attachUser: "at", attachPassword: "p" } as const;
    await modems.connect("wwan0", wish);
    await modems.connect("wwan0", wish);
    const settings = 'apn="edge",ip-type=ipv4,allowed-auth=pap,user="at",password="p"';
    assert.deepEqual(
      asked.filter((it) => it.includes("--3gpp")),
      [`-m 3 --timeout=18 --3gpp-set-initial-eps-bearer-settings=${settings}`],
      "once, as it does not say what it was told",
    );
    assert(asked.includes("-m 3 --set-allowed-modes=4g"));
  });

  it("and is not told what it does already", async () => {
    const eps = { "initial-bearer": { "dbus-path": "--", settings: { apn: "edge" } } };
    const [modems, asked] = script((args) => {
      if (args === "-L -J") return list;
      if (args === "-m 3 -J") return modem({ bearers: [`${path}/Bearer/7`] }, { eps });
      return args === "-b 7 -J" ? bearer() : args.includes("--3gpp") ? "" : undefined;
    });
    const attach = { apn: "edge", authentication: "none", family: "" } as const;
    const wish = { ...login, technologies: ["lte"], attach } as const;
    await modems.connect("wwan0", wish);
    assert.deepEqual(asked, ["-L -J", "-m 3 -J", "-b 7 -J"]);
    asked.length = 0;
    const other = { ...attach, authentication: "pap" } as const;
    await modems.connect("wwan0", { ...wish, attach: other, attachUser: "at", attachPassword: "p" });
    await modems.connect("wwan0", { ...wish, attach: other, attachUser: "at", attachPassword: "p" });
    assert.equal(asked.filter((it) => it.includes("--3gpp")).length, 1, "another password is told, once");
  });

  it("and tells why it cannot become known, without what is secret", async () => {
    const [modems] = script((args) => (args === "-L -J" ? list : args === "-m 3 -J" ? modem() : undefined));
    const attach = { apn: "edge", authentication: "pap", family: "" } as const;
    const secret = { ...login, attach, attachUser: "at", attachPassword: "hidden" };
    await assert.rejects(modems.connect("wwan0", secret), (error: Error) => {
      assert.match(error.message, /^edge: mmcli -m 3/);
      assert.doesNotMatch(`${error.message} ${error.cause}`, /hidden/);
      return true;
    });
  });

  it("and is asked to measure its signal once it can", async () => {
    let measured = false;
    const [modems, asked] = script((args) => {
      if (args === "-L -J") return list;
      if (args === "-m 3 -J") return modem();
      if (args.includes("--signal-setup")) measured = true;
      if (args.includes("--signal-get"))
        return JSON.stringify(measured ? recorded.signal : recorded.unmeasured);
      return args.includes("--signal-setup") ? "" : undefined;
    });
    assert.deepEqual((await modems.look("wwan0"))?.figures, { rsrp: -101, rsrq: -10 });
    await modems.look("wwan0");
    assert.equal(asked.filter((it) => it === "-m 3 --signal-setup=30").length, 1);
  });

  it("and connected anew once it leads nowhere", async () => {
    const [modems, asked] = script((args) => (args === "-L -J" ? list : args === "-m 3 -J" ? modem() : ""));
    await modems.disconnect("wwan0");
    assert.equal(asked.at(-1), "-m 3 --simple-disconnect");
  });

  it("by the SIM card that is wanted", async () => {
    const [modems, asked] = script((args) =>
      args === "-L -J" ? list : args === "-m 3 -J" ? modem({ "primary-sim-slot": "1" }) : "",
    );
    await assert.rejects(modems.connect("wwan0", { ...login, simSlot: 2 }), /changes to SIM slot 2/);
    assert.equal(asked.at(-1), "-m 3 --set-primary-sim-slot=2");
  });
});
