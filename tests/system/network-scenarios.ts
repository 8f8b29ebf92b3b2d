/**
 * Who may talk to whom, on real parts: three apps in machines of their own on one node, stock kubectl, real
 * traffic. The scenarios run in this order on the system they are given, and leave it as they found it.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { LocalSystem } from "../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import { ask, tokenFolder } from "./api-scenarios.ts";
import type { KubectlSession } from "./kubectl-session.ts";

export interface NetworkPlace {
  readonly system: LocalSystem;
  readonly session: KubectlSession;
}

let system: LocalSystem;
let session: KubectlSession;
let scratch: string;

const app = (name: string): object => ({
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name, labels: { app: name } } },
  spec: {
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: name !== "stranger",
    containers: [
      {
        ...{
          name: "main",
          image: "selvedge.internal/hello:1",
          ports: [{ name: "http", containerPort: 8080 }],
        },
        env: [{ name: "NODE_NAME", value: name }],
        resources: { limits: { memory: "64Mi" } },
        // On a box that does much else a page takes its time, and a Service leaves out who is not ready.
        readinessProbe: { httpGet: { path: "/", port: "http" }, timeoutSeconds: 10, failureThreshold: 10 },
      },
    ],
  },
});
const pods = (name: string): object => ({ podSelector: { matchLabels: { app: name } } });
const policy = (name: string, spec: object): object => ({
  ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name }, spec },
});

async function apply(...items: readonly object[]): Promise<void> {
  const file = join(scratch, "applied.json");
  await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await session.ok("apply", "-f", file);
}

/** What one app gets from another, by address or name; nothing, when it does not get there or is cut off. */
async function page(from: string, host: string, port: number): Promise<string> {
  const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 3 nc -w 1 ${host} ${port}`;
  return (await session.run("exec", from, "--", "sh", "-c", ask)).stdout;
}

async function reaches(from: string, host: string, port: number, isReached: boolean): Promise<void> {
  await waitFor(`${from} ${isReached ? "to reach" : "not to reach"} ${host}`, async () =>
    /Hello from web/.test(await page(from, host, port)) === isReached ? true : undefined,
  );
}

async function field(pod: string, path: string): Promise<string> {
  return await session.ok("get", "pod", pod, "-o", `jsonpath={${path}}`);
}

/** Since when a machine runs, in seconds of its own. */
async function uptime(pod: string): Promise<number> {
  return Number((await session.ok("exec", pod, "--", "cat", "/proc/uptime")).split(" ")[0]);
}

/** `place` is asked once the system is there. */
export function describeNetwork(place: () => NetworkPlace): void {
  describe("who may talk to whom", () => scenarios(place));
}

function scenarios(place: () => NetworkPlace): void {
  let web = "";
  let first = 0;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "selvedge-network-"));
    ({ system, session } = place());
    await apply(app("web"), app("client"), app("stranger"));
    await session.ok("wait", "--for=condition=Ready", "pod", "web", "client", "stranger", "--timeout=180s");
    web = await field("web", ".status.podIP");
    first = await uptime("web");
  });

  after(async () => {
    await rm(scratch, { recursive: true, force: true });
    await session.ok("delete", "service", "web", "plc");
    // They go while the next scenarios begin, which ask nothing of them.
    await session.ok("delete", "pod", "web", "client", "stranger", "--wait=false");
  });

  it("without a policy apps do not reach each other", async () => {
    assert.doesNotMatch(await page("client", web, 8080), /Hello/);
    assert.doesNotMatch(await page("stranger", web, 8080), /Hello/);
  });

  it("an app has a way to the API where it has a token, and no other", async () => {
    const answer = async (name: string): Promise<number | undefined> => {
      const way = session.piped("exec", "-i", name, "--", "nc", "kubernetes.default", "443");
      return (await ask(way, { at: "kubernetes.default", ca, path: "/api", headers: {} })).code;
    };
    const ca = await session.ok("exec", "client", "--", "cat", `${tokenFolder}/ca.crt`);
    assert.equal(await answer("client"), 401, "nobody is let in without saying who");
    await assert.rejects(answer("stranger"));
  });

  it("a policy lets in whom it names, by the port it names, while they run", async () => {
    const ingress = [{ from: [pods("client")], ports: [{ port: "http" }] }];
    await apply(policy("web", { ...pods("web"), ingress }));
    await reaches("client", web, 8080, true);
    assert.doesNotMatch(await page("stranger", web, 8080), /Hello/);
    await session.ok("label", "pod", "stranger", "app=client", "--overwrite");
    await reaches("stranger", web, 8080, true);
    await session.ok("label", "pod", "stranger", "app=stranger", "--overwrite");
    await reaches("stranger", web, 8080, false);
  });

  it("a Service is found by its name, at its own port, by whom the policy lets in", async () => {
    assert.doesNotMatch(await page("client", "web", 80), /Hello/, "there is none yet");
    await session.ok("expose", "pod", "web", "--port=80", "--target-port=http");
    for (const name of ["web", "web.default", "web.default.svc.cluster.local"])
      await reaches("client", name, 80, true);
    assert.doesNotMatch(await page("stranger", "web", 80), /Hello/);
    const address = await session.ok("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
    await reaches("client", address, 80, true);
  });

  it("what goes out is held to ranges and their exceptions", async () => {
    const outside = await field("web", ".status.hostIP").then((it) => it.replace(/\.\d+$/, ".1"));
    const talks = async (): Promise<boolean> =>
      (await session.run("exec", "client", "--", "ping", "-c1", "-W1", outside)).code === 0;
    await waitFor("the outside to answer", async () => ((await talks()) ? true : undefined));
    const egress = (except: string[]): object => ({
      ...{ ...pods("client"), policyTypes: ["Egress"] },
      egress: [
        { to: [pods("web"), { ipBlock: { cidr: "10.0.0.0/8", except: [...except, "10.77.0.0/16"] } }] },
      ],
    });
    await apply(policy("client", egress([`${outside}/32`])));
    await waitFor("the exception to hold", async () => ((await talks()) ? undefined : true));
    await reaches("client", web, 8080, true);
    await reaches("client", "web", 80, true);
    await apply(policy("client", egress([])));
    await waitFor("the outside to answer", async () => ((await talks()) ? true : undefined));
    await session.ok("delete", "networkpolicy", "client");
  });

  it("a machine beside the node is reached by a Service's name and port", async () => {
    const outside = (await field("web", ".status.hostIP")).replace(/\.\d+$/, ".1");
    const metadata = { name: "plc" };
    const ports = [{ port: system.port + 1 }];
    await apply(
      { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [{ port: 502 }] } },
      { apiVersion: "v1", kind: "Endpoints", metadata, subsets: [{ addresses: [{ ip: outside }], ports }] },
    );
    const ask = "echo | timeout 3 nc -w 1 plc 502";
    await waitFor("it to answer", async () =>
      (await session.run("exec", "stranger", "--", "sh", "-c", ask)).code === 0 ? true : undefined,
    );
  });

  it("without the policy nobody is let in again, and nothing was restarted", async () => {
    await session.ok("delete", "networkpolicy", "web");
    await reaches("client", web, 8080, false);
    assert.ok((await uptime("web")) > first);
    for (const name of ["web", "client", "stranger"])
      assert.equal(await field(name, ".status.containerStatuses[0].restartCount"), "0");
  });
}
