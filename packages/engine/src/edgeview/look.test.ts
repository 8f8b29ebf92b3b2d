import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { below, instant, type LogRecord, SeededRandom } from "@selvedge/base";
import type { EdgeviewSpec } from "../desired.ts";
import { recordsOf, searchLog } from "./log-search.ts";
import { lookOf } from "./look.ts";
import { type Addresses, judge, readCommand } from "./policy.ts";
import { linesOf, listReports, reportOf } from "./reports.ts";

const words = (name: string, rest: string): readonly string[] | string | undefined => {
  const look = lookOf(name, rest, "controller.example");
  if (look === undefined) return undefined;
  return "fault" in look ? look.fault : look.programs.map((it) => it.join(" "));
};

describe("what programs are started for a command", () => {
  const trace = "busybox traceroute -n -m 10 -q 2 -w 1";
  for (const [name, rest, expected] of [
    ["ping", "", ["busybox ping -c 4 -W 2 controller.example"]],
    ["ping", "192.0.2.1", ["busybox ping -c 4 -W 2 192.0.2.1"]],
    ["ping", "eth0/2001:db8::1", ["busybox ping -c 4 -W 2 -I eth0 2001:db8::1"]],
    ["ping", "-f", "-f is not a name or an address"],
    ["ping", "-w/192.0.2.1", "-w is not a card's name"],
    ["ping", "a/b/c", "ping needs a host, or a card and a host: ping/eth0/192.0.2.1"],
    ["trace", "x; id", "x; id is not a name or an address"],
    ["trace", "x.example", [`${trace} x.example`]],
    ["nslookup", "$(id)", "$(id) is not a name or an address"],
    ["arp", "192.0.2", ["ip neigh show"]],
    ["toString", "", undefined],
    ["reboot", "", undefined],
  ] as const)
    it(`${name}/${rest}`, () => assert.deepEqual(words(name, rest), expected));
});

it("whatever is asked, no word of it becomes an option or another program", () => {
  const random = new SeededRandom(1);
  const letters = "-/.:;a0$ \n|&'\"\\%@\u0000é";
  for (let count = 0; count < 5_000; count++) {
    const length = below(random, 12);
    const rest = Array.from({ length }, () => letters[below(random, letters.length)] ?? "").join("");
    for (const name of ["ping", "trace", "nslookup", "arp", "flow"]) {
      const look = lookOf(name, rest, "controller.example");
      if (look === undefined || "fault" in look) continue;
      if (look.host !== undefined) assert.match(look.host, /^\w[\w.:-]*$/);
      const usual = lookOf(name, "", "controller.example");
      assert.ok(usual !== undefined && !("fault" in usual));
      for (const [at, words] of look.programs.entries()) {
        const known: readonly string[] = usual.programs[at] ?? [];
        for (const word of words.filter((it) => !known.includes(it))) assert.match(word, /^(-I$|\w)/, rest);
      }
    }
  }
});

describe("what a command touches", () => {
  const spec = { allowDevice: true, allowApp: false, allowExternal: true } as EdgeviewSpec;
  const addresses: Addresses = {
    ...{ appCards: new Set<string>(), device: new Set<string>(), screens: new Set<number>() },
    apps: new Set(["10.77.0.12"]),
  };
  for (const [network, why] of [
    ["flow", "App policy not allow"],
    ["route,flow/443", "App policy not allow"],
    ["ping/10.77.0.12", "App policy not allow"],
    ["ping/eth0/10.77.0.12", "App policy not allow"],
    ["trace/10.77.0.12", "App policy not allow"],
    ["ping/10.77.0.13", undefined],
    ["route,arp", undefined],
    [Array.from({ length: 25 }, () => "arp").join(), "more than 24 commands in one"],
  ] as const)
    it(`${network.slice(0, 30)} ${why ?? "is allowed"}`, () => {
      const command = readCommand(new TextEncoder().encode(JSON.stringify({ network })));
      assert.ok(command !== undefined);
      const verdict = judge(command, spec, addresses, "controller.example");
      assert.equal(verdict.allowed ? undefined : verdict.why, why);
    });
});

describe("reports", () => {
  const reports = { "routes.txt": "a\nb\nc\n", "disks.txt": "" };
  for (const [path, name] of [
    ["/routes.txt", "routes.txt"],
    ["routes.txt", "routes.txt"],
    ["//routes.txt", "routes.txt"],
    ["/x/../routes.txt", undefined],
    ["/constructor", undefined],
    ["/etc/shadow", undefined],
    ["", undefined],
  ] as const)
    it(`${path || "nothing"} is ${name ?? "none"}`, () => assert.equal(reportOf(reports, path), name));

  it("are listed, with stars for anything, and cut to lines of either end", () => {
    assert.equal(listReports(reports, "/"), "        0  /disks.txt\n        6  /routes.txt\n");
    assert.equal(listReports(reports, "/r*.t*"), "        6  /routes.txt\n");
    assert.match(listReports(reports, "/(a+)+$"), /no report/);
    assert.deepEqual(
      [0, 2, -1, 9].map((count) => linesOf("a\nb\nc\n", count)),
      ["a\nb\nc\n", "a\nb\n", "c\n", "a\nb\nc\n"],
    );
    assert.equal(linesOf("", 3), "");
  });
});

describe("a search in the log", () => {
  const now = instant(Date.parse("2026-11-26T12:00:00Z"));
  const records = ["10:30", "11:40", "11:50", "11:59"].map(
    (at, index): LogRecord => ({
      ...{ at: `2026-11-26T${at}:00.000Z`, level: "info", logger: "engine", fields: {} },
      message: ["old", "left", "it is (a+)+$", "right"][index] ?? "",
    }),
  );
  const found = (pattern: string, timerange = "0-0.5", around = 0): string[] =>
    searchLog(records, { pattern, timerange, around, spread: false }, now)
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [String(JSON.parse(line).message)]));
  for (const [pattern, timerange, around, expected] of [
    ["(a+)+$", "0-0.5", 0, ["it is (a+)+$"]],
    ["LEFT|right", "0-0.5", 0, ["left", "right"]],
    ["engine", "1-2", 0, ["old"]],
    ["engine", "2-1", 0, ["old"]],
    ["engine", "", 0, ["left", "it is (a+)+$", "right"]],
    ["left", "0-0.5", 1, ["left", "it is (a+)+$"]],
    ["engine", "2026-11-26T11:55:00Z-2026-11-26T11:45:00Z", 0, ["it is (a+)+$"]],
    ["engine", "nonsense", 0, ["left", "it is (a+)+$", "right"]],
  ] as const)
    it(`${pattern} within ${timerange || "nothing said"}, ${around} around`, () =>
      assert.deepEqual(found(pattern, timerange, around), expected));

  it("spreads records over lines, and cuts nothing from a time that holds all", () => {
    const wish = { pattern: "right", timerange: "0-1", around: 0, spread: true };
    assert.match(searchLog(records, wish, now), /^\{\n {2}"at": /);
    assert.equal(recordsOf(records, "0-9", now).length, 4);
  });
});
