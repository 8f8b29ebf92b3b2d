import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { instant, SystemClock } from "@selvedge/base";
import { EngineStore } from "../engine-store.ts";
import { noHardware } from "../hardware/no-hardware.ts";
import { boxTables } from "./box-views.ts";
import { formatTable, textsOf } from "./commands.ts";
import { RecentLog } from "./recent-log.ts";

const openssl = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=shop-1/O=x -days 1";
const certificate = execFileSync("openssl", [...openssl.split(" "), "-keyout", "/dev/null"], {
  ...{ encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
});

const card = { up: true, mac: "", mtu: 1500, gateways: ["192.0.2.1"], dns: [] };
const secret = { psk: "nobody's to read" };

function tablesOf(): ReturnType<typeof boxTables> {
  const store = new EngineStore();
  const recent = new RecentLog();
  for (const at of ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"])
    recent.write({ at, level: "info", logger: "x", message: "y", fields: {} });
  store.certificates.set("wired", { phase: "current", certificate } as never);
  const port = { name: "up", interface: "eth0", labels: [], uplink: true, cost: 0 };
  const radio = { ...port, name: "air", interface: "wlan0", wifi: [{ ssid: "guests", secret }] };
  store.ports.set({
    book: {
      current: 1,
      configs: [
        { digest: "b", ports: [port], since: instant(0), lastFailed: instant(1000), lastError: "no answer" },
        { digest: "a", ports: [port, radio], since: instant(0), lastSucceeded: instant(2000), lastError: "" },
      ],
    },
    cards: { eth0: { ...card, addresses: ["192.0.2.7/24"] }, wlan0: { ...card, up: false, addresses: [] } },
    failed: ["air"],
  } as never);
  const process = { files: 1, threads: 2, systemSeconds: 0, startedAt: instant(0), virtualBytes: 0 };
  return boxTables({
    ...{ store, recent, clock: new SystemClock(), host: { bootedAt: instant(0) } as never },
    hardware: {
      inventory: async () => {
        const known = await noHardware.inventory();
        const pci = { address: "0000:00:1f.2", vendor: 0x8086, device: 0xa1, classCode: 0x020000 };
        const usb = { address: { bus: 1, port: "2.3" }, vendor: 0x46d, product: 0xc52b, classCode: 3 };
        return {
          ...{ ...known, product: { ...known.product, name: "Box 3000" } },
          ...{ pci: [{ ...pci, driver: "e1000e", iommuGroup: "7" }] as never },
          ...{ usb: [{ ...usb, driver: "usbhid" }] as never },
        };
      },
      processes: async () => [
        { ...process, pid: 1, name: "engine", ofApp: false, userSeconds: 1, residentBytes: 2048 },
        { ...process, pid: 2, name: "qemu", ofApp: true, userSeconds: 9, residentBytes: 4096 },
      ],
    },
    lastBoot: () => ({ reason: "the kernel fell", boot: "kernel", at: instant(0), stack: "at a\nat b" }),
  });
}

describe("the box, as it is seen from afar", () => {
  for (const [name, ...expected] of [
    ["model", /product +Box 3000\n/],
    ["pci", /0000:00:1f\.2 +8086:00a1 +020000 +e1000e +7\n/],
    ["usb", /1\/2\.3 +046d:c52b +03 +usbhid\n/],
    ["top", /2 +qemu +9\.0 +4 +2 +1\n1 +engine/],
    ["newlog", /2 +2026-01-01T00:00:00.000Z +2026-01-02T00:00:00.000Z\n/],
    ["lastreboot", /why +kernel\nreason +the kernel fell\n +at a\n +at b\n/],
    [
      "connectivity",
      /\* up air +1970\S+ +1970-01-01T00:00:02/,
      /card wlan0 +down/,
      /uplink air +does not lead/,
    ],
    ["connectivity", / {2}up +1970\S+ +1970-01-01T00:00:01\S+ +no answer\n/],
    ["wireless", /air +Wi-Fi +guests +wlan0 down\n$/],
    ["cipher", /wired +current +CN=shop-1, O=x +\S+ .*GMT\n/],
  ] as const)
    it(name, async () => {
      const text = formatTable((await tablesOf()[name]?.()) ?? []);
      for (const one of expected) assert.match(text, one);
      assert.doesNotMatch(text, /nobody's to read/);
    });
});

it("a table that cannot be had takes no other with it", async () => {
  const broken = (): never => {
    throw new Error("the probe fell");
  };
  const tables = { a: broken, b: async () => broken(), c: () => [["fine"]] };
  const texts = await textsOf({ tables, records: () => [] });
  assert.deepEqual(texts, {
    ...{ "a.txt": "the probe fell\n", "b.txt": "the probe fell\n", "c.txt": "fine\n" },
    "engine.log": "",
  });
});
