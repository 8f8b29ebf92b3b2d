/** A runtime in an app's machine is asked what its containers use, by Docker's API. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Log, type LogRecord, minutes, SystemClock } from "@selvedge/base";
import { config } from "@selvedge/eve-api";
import { runtimeFigures } from "../src/control/report/runtime-figures.ts";
import type { AppId } from "../src/desired.ts";
import type { HttpClient, HttpRequest } from "../src/host/http.ts";
import { NodeHttpClient } from "../src/host/linux/node-http-client.ts";
import { ControlWorld } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";
import { appInit, diskVolume, ids } from "./volume-world.ts";

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
): Promise<{ found: Awaited<ReturnType<typeof runtimeFigures>>; asked: string[]; said: LogRecord[] }> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = request.url?.replace("/v1.40/containers/", "") ?? "";
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
    send: (it: HttpRequest) =>
      client.send({ ...it, url: it.url.replace("127.0.0.1:2375", `127.0.0.1:${port}`) }),
  };
  try {
    const log = new Log("test", clock, (it) => void said.push(it));
    const app = { id: ids.app, statsAddress: "127.0.0.1" };
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

  const bad: [string, (path: string) => { status: number; body: string }, number][] = [
    ["that is none", () => ({ status: 200, body: "<html>" }), 1],
    ["that refuses", () => ({ status: 500, body: "" }), 1],
    ["with an endless answer", () => ({ status: 200, body: "x".repeat(2 ** 20 + 1) }), 1],
    ["whose list is none", () => ({ status: 200, body: `{"a":1}` }), 0],
    ["whose figures are none", (path) => (path === "json" ? serve(path) : { status: 200, body: "[]" }), 0],
    ["that breaks on the way", (path) => (path === "json" ? serve(path) : { status: 503, body: "" }), 1],
  ];
  for (const [name, answer, words] of bad)
    it(`cost nothing with a runtime ${name}`, async () => {
      const { found, said } = await ask(answer);
      assert.ok(found.every(({ cpu }) => cpu?.totalNs === 0n));
      assert.equal(said.length, words);
    });

  it("are asked for no more than there may be", async () => {
    const many = Array.from({ length: 500 }, (_, at) => ({ Id: at.toString(16).padStart(64, "0") }));
    const { found, asked } = await ask((path) =>
      path === "json" ? { status: 200, body: JSON.stringify(many) } : { status: 200, body: "{}" },
    );
    assert.deepEqual([found.length, asked.length], [64, 129]);
  });

  it("are told with their app's other figures", async () => {
    const world = new ControlWorld();
    world.gateway.config = create(config.EdgeDevConfigSchema, {
      id: { uuid: nodeId },
      ...{ volumes: [diskVolume(ids.root, 0n)] },
      datastores: [{ id: ids.store, dType: 5, fqdn: "docker://registry.example" }],
      contentInfo: [{ uuid: ids.disk, URL: "disk.qcow2", iformat: 3, dsIdsList: [ids.store] }],
      apps: [appInit({ volumeRefList: [{ uuid: ids.root }], collectStatsIPAddr: "fd00::5" } as never)],
    } as never);
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
  });
});
