/** A runtime in an app's machine is asked what its containers use, by Docker's API. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Log, type LogRecord, minutes, SystemClock } from "@selvedge/base";
import { config } from "@selvedge/eve-api";
import { runtimeFigures } from "../src/control/report/runtime-figures.ts";
import type { AppId, AppSpec } from "../src/desired.ts";
import type { HttpClient, HttpRequest } from "../src/host/http.ts";
import { NodeHttpClient } from "../src/host/linux/node-http-client.ts";
import { ControlWorld } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";
import { appInit, desired, diskVolume, ids } from "./volume-world.ts";

const [web, gone] = ["ab".repeat(32), "cd".repeat(32)];
const stats = {
  pids_stats: { current: 7 },
  cpu_stats: { cpu_usage: { total_usage: 5_500_000_000 }, system_cpu_usage: 90_000_000_000 },
  memory_stats: { usage: 3 * 2 ** 20, limit: 2 ** 30 },
  networks: { eth0: { rx_bytes: 10, tx_bytes: 20 }, eth1: { rx_bytes: 1, tx_bytes: 2 } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: "Read", value: 2 ** 21 },
      { op: "write", value: 2 ** 22 },
      { op: "Sync", value: 2 ** 30 },
    ],
  },
};
const answers = new Map<string, unknown>([
  [
    "json",
    [
      { Id: web, Names: ["/web"], Status: "Up 2 hours" },
      { Id: gone, Names: ["/gone"], Status: "Up" },
      { Id: "../../secrets", Names: ["/odd"] },
      "nonsense",
    ],
  ],
  [`${web}/json`, { State: { StartedAt: "2026-01-02T03:04:05.6Z" } }],
  [`${web}/stats?stream=false`, stats],
]);

/** Docker's port as it is, on another one of this machine. */
async function ask(
  serve: (path: string) => { status: number; body: string },
  more: Pick<AppSpec, "statsByAgent"> = {},
): Promise<{ found: Awaited<ReturnType<typeof runtimeFigures>>; asked: string[]; said: LogRecord[] }> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = request.url?.replace(/^\/(v1.40\/containers|api\/v1)\//, "") ?? "";
    asked.push(path);
    const { status, body } = serve(path);
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  using client = new NodeHttpClient();
  const said: LogRecord[] = [];
  const clock = new SystemClock();
  const http: HttpClient = {
    send: (it: HttpRequest) => client.send({ ...it, url: it.url.replace(/:(2375|57475)/, `:${port}`) }),
  };
  try {
    const log = new Log("test", clock, (it) => void said.push(it));
    const app = { id: ids.app, statsAddress: "127.0.0.1", ...more };
    const found = await runtimeFigures({ http, clock, log }, app, new AbortController().signal);
    return { found, asked, said };
  } finally {
    server.close();
  }
}

const serve = (path: string): { status: number; body: string } =>
  answers.has(path)
    ? { status: 200, body: JSON.stringify(answers.get(path)) }
    : { status: 404, body: `{"message":"No such container"}` };

describe("containers inside a virtual machine", () => {
  it("are measured as EVE does, but those that end meanwhile and what is none", async () => {
    const { found, asked, said } = await ask(serve);
    assert.deepEqual(
      asked.filter((path) => path.includes(".") || path.includes("secret")),
      [],
    );
    assert.deepEqual(said, []);
    assert.equal(found.length, 1);
    const [one] = found;
    assert.deepEqual([one?.appContainerName, one?.status, one?.PIDs], ["web", "Up 2 hours", 7]);
    const { cpu, network, disk, appContainerMemory } = one ?? {};
    assert.deepEqual([cpu?.totalNs, cpu?.total, cpu?.systemTotal], [5_500_000_000n, 5n, 90n]);
    assert.equal(Number(cpu?.upTime?.seconds), Date.UTC(2026, 0, 2, 3, 4, 5) / 1000);
    assert.deepEqual([appContainerMemory?.usedMB, appContainerMemory?.allocatedMB], [3, 1024]);
    assert.deepEqual([network?.rxBytes, network?.txBytes], [11n, 22n]);
    assert.deepEqual([disk?.readBytes, disk?.writeBytes], [2n, 4n]);
  });

  const bad: [
    string,
    (path: string) => { status: number; body: string },
    words: number,
    figures: bigint[],
  ][] = [
    ["that is none", () => ({ status: 200, body: "<html>" }), 1, []],
    ["that refuses", () => ({ status: 500, body: "" }), 1, []],
    ["with an endless answer", () => ({ status: 200, body: "x".repeat(2 ** 20 + 1) }), 1, []],
    ["whose list is none", () => ({ status: 200, body: `{"a":1}` }), 0, []],
    [
      "whose figures are none",
      (path) => (path === "json" ? serve(path) : { status: 200, body: "[]" }),
      0,
      [0n, 0n],
    ],
    ["that breaks on the way", (path) => (path === "json" ? serve(path) : { status: 503, body: "" }), 1, []],
  ];
  for (const [name, answer, words, figures] of bad)
    it(`cost nothing with a runtime ${name}`, async () => {
      const { found, said } = await ask(answer);
      assert.deepEqual(
        found.map(({ cpu }) => cpu?.totalNs),
        figures,
      );
      assert.equal(said.length, words);
    });

  it("are measured by EVE's agent where that is what runs there", async () => {
    const nested = "0a0a0a0a-0000-4000-8000-000000000001";
    const figures = {
      ...{
        id: "compose-web",
        status: "running",
        Pids: 3,
        uptime: "1767323045000000000",
        CPUTotal: "2500000000",
      },
      ...{ UsedMem: 12, AllocatedMem: 64, TxBytes: "7", RxBytes: "8", ReadBytes: "9", WriteBytes: "10" },
    };
    const apps = [
      { appId: nested, appName: "shop" },
      { app_id: "../x" },
      { app_id: nested.replace("1", "2") },
    ];
    const inside = new Map<string, unknown>([
      ["inventory/nested-app-id", { apps }],
      [`metrics/nested-app-id/${nested}`, figures],
    ]);
    const { found, asked, said } = await ask(
      (path) =>
        inside.has(path)
          ? { status: 200, body: JSON.stringify(inside.get(path)) }
          : { status: 404, body: "" },
      { statsByAgent: true },
    );
    assert.deepEqual([found.length, asked.length, said.length], [1, 3, 0]);
    const [one] = found;
    const { cpu, network, disk, appContainerMemory } = one ?? {};
    assert.deepEqual([one?.appContainerName, one?.status, one?.PIDs], ["compose-web", "running", 3]);
    assert.deepEqual([cpu?.totalNs, cpu?.total, cpu?.upTime?.seconds], [2_500_000_000n, 2n, 1_767_323_045n]);
    assert.deepEqual([appContainerMemory?.usedMB, appContainerMemory?.allocatedMB], [12, 64]);
    assert.deepEqual([network?.txBytes, network?.rxBytes], [7n, 8n]);
    assert.deepEqual([disk?.readBytes, disk?.writeBytes], [9n, 10n]);
  });

  it("are asked for no more than there may be", async () => {
    const many = Array.from({ length: 500 }, (_, at) => ({ Id: at.toString(16).padStart(64, "0") }));
    const { found, asked } = await ask((path) =>
      path === "json" ? { status: 200, body: JSON.stringify(many) } : { status: 200, body: "{}" },
    );
    assert.deepEqual([found.length, asked.length], [64, 129]);
  });

  it("are asked for at an address, of Docker or of EVE's agent", () => {
    for (const [more, address, byAgent] of [
      [{}, undefined, undefined],
      [{ collectStatsIPAddr: "runtime.example" }, undefined, undefined],
      [{ collectStatsIPAddr: "10.1.0.5" }, "10.1.0.5", undefined],
      [{ collectStatsIPAddr: "10.1.0.5", runtimeType: 1 }, "10.1.0.5", true],
    ] as const) {
      const init = appInit({ volumeRefList: [{ uuid: ids.root }], ...more } as never);
      const [app] = desired([diskVolume(ids.root, 0n)], [init]).apps;
      assert.deepEqual([app?.statsAddress, app?.statsByAgent], [address, byAgent]);
    }
  });

  it("are told with their app's other figures", async () => {
    const world = new ControlWorld();
    const configured = (configItems: readonly object[]): config.EdgeDevConfig =>
      create(config.EdgeDevConfigSchema, {
        ...{ id: { uuid: nodeId }, configItems },
        ...{ volumes: [diskVolume(ids.root, 0n)] },
        datastores: [{ id: ids.store, dType: 5, fqdn: "docker://registry.example" }],
        contentInfo: [{ uuid: ids.disk, URL: "disk.qcow2", iformat: 3, dsIdsList: [ids.store] }],
        apps: [appInit({ volumeRefList: [{ uuid: ids.root }], collectStatsIPAddr: "fd00::5" } as never)],
      } as never);
    world.gateway.config = configured([]);
    const asked: string[] = [];
    world.local = {
      send: async ({ url }) => {
        asked.push(url);
        const path = url.replace("http://[fd00::5]:2375/v1.40/containers/", "");
        const { status, body } = serve(path);
        return {
          status,
          headers: {},
          body: (async function* () {
            yield Buffer.from(body);
          })(),
        };
      },
    };
    const usage = { cpuNanos: 1n, memoryBytes: 1, memoryLimitBytes: 1, containers: [] };
    const traffic = { rxBytes: 0n, txBytes: 0n, diskReadBytes: 0n, diskWriteBytes: 0n };
    await using engine = await world.engine({ usages: { usage: async () => ({ ...usage, ...traffic }) } });
    await world.until("accepted", () => engine.store.desired.get() !== undefined);
    const named = (): string[] =>
      (world.gateway.metrics.at(-1)?.am ?? []).flatMap((it) =>
        it.container.map((one) => one.appContainerName),
      );
    await world.clock.pass(minutes(10));
    assert.deepEqual(asked, [], "an app that does not run is not asked");
    engine.store.apps.set(
      ids.app as AppId,
      { id: ids.app, state: "running", report: {}, volumes: [], errors: [] } as never,
    );
    await world.until("told", () => named().length > 0);
    assert.deepEqual(named(), ["web"]);
    const once = asked.length;
    await world.clock.pass(minutes(4));
    assert.equal(
      asked.length,
      once,
      "it is asked each timer.appcontainer.stats.interval, and told meanwhile",
    );
    assert.deepEqual(named(), ["web"]);
    world.gateway.config = configured([{ key: pace, value: "30" }]);
    world.gateway.hash = "2";
    await world.until("taken", () => engine.store.desired.get()?.settings.get(pace) === "30");
    await world.clock.pass(minutes(4));
    assert(asked.length > 2 * once, `${asked.length} requests`);
  });
});

const pace = "timer.appcontainer.stats.interval";
