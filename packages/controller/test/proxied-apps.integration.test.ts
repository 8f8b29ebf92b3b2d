/**
 * Apps as clients of the API reach them, by Kubernetes' conformance tests of the same names: the real server, its
 * proxy, and the Services and workloads of the controller; nodes are played, and what their apps serve is served
 * here.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Server } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { serveProxy } from "@selvedge/apiserver";
import { SeededRandom } from "@selvedge/base";
import { type Pod, podKind, serviceKind } from "@selvedge/kinds";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { ApiWorld, opensslMissing } from "../../apiserver/test/api-world.ts";
import { serviceBackend } from "../src/endpoints/service-backend.ts";
import { ManualClock } from "./manual-clock.ts";
import { ObjectWorld } from "./object-world.ts";
import { play } from "./play.ts";

const noKubectl = await kubectlMissing("1.35");
const prefix = "/api/v1/namespaces/default";

/** What apps serve, by the port in their machine. */
const pages = new Map<number, string>([
  ...([80, 1080] as const).map((port) => [port, '<a href="/rewriteme">test</a>'] as const),
  ...([
    [160, "foo"],
    [162, "bar"],
  ] as const),
]);
const tlsPages = new Map<number, string>([
  ...([
    [443, '<a href="/tlsrewriteme">test</a>'],
    [460, "tls baz"],
    [462, "tls qux"],
  ] as const),
]);

function serves(page: string): RequestListener {
  return (request, response) => {
    const { method, url = "" } = request;
    if (url.startsWith("/data.json")) response.end(JSON.stringify({ image: "nautilus.jpg" }));
    else if (url.startsWith("/some/path/"))
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ method, body: "foo" }));
    else response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  };
}

describe("apps behind the API", { skip: opensslMissing() }, () => {
  const servers: Server[] = [];
  const ports = new Map<number, number>();
  let world: ObjectWorld;
  const api = new ApiWorld({
    subresource: (target, request, answer) =>
      serveProxy(target, request, answer, {
        pod: (namespace, name) => api.objects.get<Pod>(podKind, name, namespace),
        backend: async (namespace, asked) =>
          serviceBackend(namespace, asked, { ...world.running.caches, random: new SeededRandom(1) }),
        streams: { portForward: async (_pod, port) => connect(ports.get(port) ?? 1, "127.0.0.1") },
      }),
  });
  const serve = async (port: number, server: Server): Promise<void> => {
    servers.push(server.listen(0, "127.0.0.1"));
    await once(server, "listening");
    ports.set(port, (server.address() as AddressInfo).port);
  };

  before(async () => {
    const [key, cert] = [join(api.folder, "app.key"), join(api.folder, "app.crt")];
    const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=app -days 2";
    execFileSync("openssl", [...words.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" });
    const tls = { key: readFileSync(key), cert: readFileSync(cert) };
    for (const [port, page] of pages) await serve(port, createServer(serves(page)));
    for (const [port, page] of tlsPages) await serve(port, createTlsServer(tls, serves(page)));
    await api.start();
    world = new ObjectWorld(1, api.objects, new ManualClock(Date.now()));
    await world.run();
    await world.addNode("box");
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    for (const server of servers) server.close();
  });

  const runningPod = async (name: string, app: string, more: object = {}): Promise<void> => {
    await world.create(podKind, {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", labels: { app } } },
      spec: { nodeName: "box", containers: [{ name: "main", image: "web:1", ...more }] },
    } as Pod);
  };
  const service = async (name: string, app: string, its: readonly object[]): Promise<void> => {
    await world.create(serviceKind, {
      ...{ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" } },
      spec: { selector: { app }, ports: its },
    } as never);
    await world.converge();
  };

  it("Proxy, logs service endpoint: should proxy through a service and a pod", async () => {
    const dest = { dest1: 160, dest2: 162, tlsdest1: 460, tlsdest2: 462 };
    const named = Object.entries(dest).map(([name, containerPort]) => ({ name, containerPort }));
    await runningPod("porter", "porter", { ports: [{ containerPort: 80 }, ...named] });
    await service("proxy-service", "porter", [
      { name: "portname1", port: 80, targetPort: "dest1" },
      { name: "portname2", port: 81, targetPort: 162 },
      { name: "tlsportname1", port: 443, targetPort: "tlsdest1" },
      { name: "tlsportname2", port: 444, targetPort: 462 },
    ]);
    const link = (way: string, to: string): string => `<a href="${prefix}/${way}/proxy/${to}">test</a>`;
    const rows: Readonly<Record<string, string>> = {
      ...{ "services/proxy-service:portname1": "foo", "services/http:proxy-service:portname1": "foo" },
      ...{ "services/proxy-service:portname2": "bar", "services/http:proxy-service:portname2": "bar" },
      ...{
        "services/https:proxy-service:tlsportname1": "tls baz",
        "services/https:proxy-service:444": "tls qux",
      },
      "pods/porter": link("pods/porter", "rewriteme"),
      "pods/porter:1080": link("pods/porter:1080", "rewriteme"),
      "pods/http:porter:1080": link("pods/http:porter:1080", "rewriteme"),
      ...{ "pods/porter:160": "foo", "pods/http:porter:160": "foo" },
      ...{ "pods/porter:162": "bar", "pods/http:porter:162": "bar" },
      "pods/https:porter:443": link("pods/https:porter:443", "tlsrewriteme"),
      ...{ "pods/https:porter:460": "tls baz", "pods/https:porter:462": "tls qux" },
    };
    for (const [way, page] of Object.entries(rows)) {
      const { status, text } = await api.send(`${prefix}/${way}/proxy/`);
      assert.deepEqual([status, text], [200, page], way);
    }
  });

  it("Proxy, validate ProxyWithPath responses", async () => {
    await runningPod("agnhost", "response");
    await service("test-service", "response", [{ port: 80, targetPort: 80, protocol: "TCP" }]);
    for (const way of ["pods/agnhost", "services/test-service"]) {
      for (const method of ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]) {
        const { status, json } = await api.send(`${prefix}/${way}/proxy/some/path/with/${method}`, {
          method,
        });
        assert.equal(status, 200, `${method} ${way}`);
        if (method !== "HEAD") assert.deepEqual(json, { method, body: "foo" }, way);
      }
    }
  });

  it("Kubectl, scale replication controller", { skip: noKubectl }, async () => {
    const stopPlaying = play(world);
    const binary = (await kubectl("1.35")) ?? "";
    const run = async (...words: string[]): Promise<string> => {
      const { code, out, err } = await api.kubectl(binary, words);
      assert.equal(code, 0, `kubectl ${words.join(" ")}: ${err}`);
      return out;
    };
    const labels = { name: "update-demo", version: "nautilus" };
    const container = { name: "update-demo", image: "nautilus:1.7", ports: [{ containerPort: 80 }] };
    const controller = {
      ...{ apiVersion: "v1", kind: "ReplicationController", metadata: { name: "update-demo-nautilus" } },
      spec: {
        replicas: 2,
        selector: labels,
        template: {
          metadata: { labels },
          spec: { terminationGracePeriodSeconds: 1, containers: [container] },
        },
      },
    };
    const each =
      "{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} " +
      "{{range .status.containerStatuses}}{{.name}} {{if .state.running}}runs{{end}}{{end}}\n{{end}}{{end}}";
    const validated = async (count: number): Promise<void> => {
      const ready = `--for=jsonpath={.status.readyReplicas}=${count}`;
      await run("wait", ready, "rc/update-demo-nautilus", "--timeout=30s");
      const found = await run("get", "pods", "-o", `go-template=${each}`, "-l", "name=update-demo");
      const pods = found.trim().split("\n");
      assert.equal(pods.length, count);
      for (const pod of pods) {
        const [name = "", ...state] = pod.split(" ");
        assert.deepEqual(state, ["update-demo", "runs"]);
        const { text } = await api.send(`${prefix}/pods/${name}/proxy/data.json`);
        assert.deepEqual(JSON.parse(text), { image: "nautilus.jpg" });
      }
    };
    try {
      await run("create", "-f", api.file("rc.json", controller));
      await validated(2);
      for (const count of [1, 2]) {
        await run("scale", "rc", "update-demo-nautilus", `--replicas=${count}`, "--timeout=5m");
        await validated(count);
      }
    } finally {
      await stopPlaying();
    }
  });
});
