/** Webhooks that are apps: asked by the link of their node, with TLS between this program and the app. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, afterEach, before, describe, it } from "node:test";
import { SeededRandom } from "@selvedge/base";
import { endpointSliceKind, type Pod, podKind, replicaSetKind, serviceKind } from "@selvedge/kinds";
import { opensslMissing } from "../../apiserver/test/api-world.ts";
import { deny, patch } from "../../apiserver/test/hook-server.ts";
import { configMap, HookWorld, maps, rule } from "../../apiserver/test/hook-world.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import type { Duty } from "../src/duty.ts";
import { type OutsidePlace, serviceBackend } from "../src/endpoints/service-backend.ts";
import { servePlain, serviceDial, type Ways } from "../src/endpoints/service-dial.ts";
import { Forwarding } from "../src/replicas/forwarding.ts";
import { LeaderConnections } from "../src/replicas/leader-connections.ts";
import { peerPort } from "../src/replicas/peer-port.ts";
import { ManualClock } from "./manual-clock.ts";
import { ObjectWorld } from "./object-world.ts";

const random = new SeededRandom(1);

describe("a webhook that is an app", { skip: opensslMissing() }, () => {
  let objects: ObjectWorld;
  /** Ports of apps that were asked for. */
  const dialled: number[] = [];
  const outside: OutsidePlace[] = [];
  const ways: Ways = {
    random,
    outside: async (place) => {
      outside.push(place);
      return connect(world.hooks.port, "127.0.0.1");
    },
  };
  const streams = {
    portForward: async (_pod: object, port: number) => {
      dialled.push(port);
      return connect(world.hooks.port, "127.0.0.1");
    },
  };
  const parts = (): Parameters<typeof servePlain>[0] =>
    ({ caches: objects.running.caches, streams }) as never;
  let duty: Pick<Duty, "leading" | "forwarding">;
  const world = new HookWorld(
    {
      "/deny": () => deny("says the app"),
      "/label": () => patch({ op: "add", path: "/metadata/labels/judged", value: "yes" }),
    },
    {
      names: ["hooks", "apart", "written", "named"].map((name) => `${name}.default.svc`).concat("localhost"),
      dial: (...asked) => serviceDial(() => duty as Duty, ways)(...asked),
    },
  );

  before(async () => {
    await world.start();
    objects = new ObjectWorld(1, world.api.objects, new ManualClock(Date.now()));
    await objects.run();
    await objects.addNode("box");
    const metadata = { name: "hooks", namespace: "default", labels: { app: "hooks" } };
    const spec = { nodeName: "box", containers: [{ name: "main", image: "hooks:1" }] };
    await objects.create(podKind, { apiVersion: "v1", kind: "Pod", metadata, spec } as Pod);
    for (const [name, app] of [
      ["hooks", "hooks"],
      ["other", "hooks"],
      ["apart", "hooks"],
      ["empty", "nobody"],
    ] as const) {
      await objects.create(serviceKind, {
        ...{ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" } },
        spec: { selector: { app }, ports: [{ port: 443, targetPort: 8444 }] },
      } as never);
    }
    await objects.converge();
    duty = { leading: { controller: parts() } as never, forwarding: undefined };
  });
  after(async () => {
    await objects[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });
  afterEach(() => world.cleanUp());

  const refused = async (name: string, code: number): Promise<string> => {
    const service = { namespace: "default", name, path: "/deny" };
    const clientConfig = { service, caBundle: world.hooks.caBundle };
    await world.register("validating", "app", [rule("configmaps", "CREATE")], { path: "", clientConfig });
    return (await world.post(maps, configMap("any", {}), code)).message;
  };

  it("is asked at the port of its Pod", async () => {
    assert.equal(
      await refused("hooks", 400),
      'admission webhook "hook-0.app.example" denied the request: says the app',
    );
    assert.deepEqual(dialled, [8444]);
  });

  it("is asked about the Pods that a ReplicaSet makes", async () => {
    const clientConfig = { service: { namespace: "default", name: "hooks", path: "/label" } };
    const more = { clientConfig: { ...clientConfig, caBundle: world.hooks.caBundle } };
    await world.register("mutating", "pods", [rule("pods", "CREATE")], { path: "", ...more });
    const metadata = { name: "set", namespace: "default" };
    const template = {
      metadata: { labels: { app: "set" } },
      spec: { containers: [{ name: "a", image: "a:1" }] },
    };
    const spec = { replicas: 2, selector: { matchLabels: { app: "set" } }, template };
    await objects.create(replicaSetKind, {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata,
      spec,
    } as never);
    const pods = "/api/v1/namespaces/default/pods?labelSelector=judged%3Dyes";
    await waitFor("two Pods", async () => {
      await objects.converge();
      return (await world.ask(pods, 200)).items.length === 2 || undefined;
    });
  });

  it("must be who the Service is", async () => {
    const message = await refused("other", 500);
    assert.match(message, /Post "https:\/\/other.default.svc:443\/deny\?timeout=10s": tls: failed to verify/);
  });

  it("is said not to be there when nobody answers", async () => {
    assert.match(await refused("empty", 500), /no endpoints available for service "empty"/);
  });

  it("is asked at an address that somebody has written down, where no user gets by way of the proxy", async () => {
    const metadata = { name: "written", namespace: "default" };
    const ports = [{ name: "hook", port: 443 }];
    await objects.create(serviceKind, {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { ports },
    } as never);
    await objects.create(endpointSliceKind, {
      ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
      metadata: { ...metadata, labels: { "kubernetes.io/service-name": "written" } },
      endpoints: [{ addresses: ["192.0.2.8"], conditions: { ready: false } }, { addresses: ["192.0.2.7"] }],
      ports: [{ name: "hook", port: 9443 }],
    } as never);
    await objects.converge();
    assert.match(await refused("written", 400), /says the app/);
    assert.deepEqual(outside.splice(0), [{ host: "192.0.2.7", port: 9443 }]);
    const asked = { scheme: "https", name: "written", port: "443" } as const;
    assert.throws(
      () => serviceBackend("default", asked, { ...objects.running.caches, random }),
      /no endpoints available for service "written"/,
    );
  });

  it("is asked by its other name", async () => {
    const metadata = { name: "named", namespace: "default" };
    const spec = { type: "ExternalName", externalName: "hooks.example" };
    await objects.create(serviceKind, { apiVersion: "v1", kind: "Service", metadata, spec } as never);
    await objects.converge();
    assert.match(await refused("named", 400), /says the app/);
    assert.deepEqual(outside.splice(0), [{ host: "hooks.example", port: 443 }]);
  });

  it("is asked through the replica that leads by one that does not", async () => {
    const server = createServer(world.hooks.tls);
    server.on("upgrade", (request, socket, head) => {
      assert.equal(request.url, "/api/v1/namespaces/default/services/apart%3A443/proxy");
      const service = { namespace: "default", name: "apart", port: 443 };
      void servePlain(parts(), service, { type: "upgrade", socket, head }, { random });
    });
    server.on("request", (request, response) => {
      void text(request).then(() => response.writeHead(403).end());
    });
    await using peer = peerPort(() => (_purpose, socket) => server.emit("connection", socket));
    const port = await peer.listen({ host: "127.0.0.1", port: 0 });
    const tls = { ca: Buffer.from(world.hooks.caBundle, "base64").toString(), cert: "", key: "" };
    const forwarding = new Forwarding({
      leader: new LeaderConnections(() => ({ host: "127.0.0.1", port })),
      tls: () => tls as never,
    });
    const leading = duty;
    duty = { leading: undefined, forwarding };
    dialled.length = 0;
    try {
      const message = await refused("apart", 400);
      assert.match(message, /says the app/);
      assert.deepEqual(dialled, [8444]);
    } finally {
      duty = leading;
      server.close();
      await once(server, "close");
    }
  });
});
