/**
 * What an operator does with workloads, by stock kubectl: the real server and reconcilers, nodes that are
 * played.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type KubectlVersion, kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { ApiWorld, opensslMissing } from "../../apiserver/test/api-world.ts";
import { ManualClock } from "./manual-clock.ts";
import { ObjectWorld } from "./object-world.ts";
import { play } from "./play.ts";

const template = (app: string, image: string): unknown => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: "main", image }] },
});
const workload = (kind: string, app: string, image: string, more: object): unknown => ({
  apiVersion: "apps/v1",
  kind,
  metadata: { name: app, namespace: "default" },
  spec: { selector: { matchLabels: { app } }, template: template(app, image), ...more },
});

for (const version of ["1.32", "1.35"] as const satisfies readonly KubectlVersion[]) {
  const skip = (await kubectlMissing(version)) || opensslMissing();
  describe(`kubectl ${version} on workloads`, { skip }, () => {
    let api: ApiWorld;
    let world: ObjectWorld;
    let binary = "";
    let stopPlaying: () => Promise<void>;
    const ok = async (...words: string[]): Promise<string> => {
      const { code, out, err } = await api.kubectl(binary, words);
      assert.equal(code, 0, `kubectl ${words.join(" ")}: ${err}`);
      return out;
    };
    before(async () => {
      binary = (await kubectl(version)) ?? "";
      api = await new ApiWorld().start();
      world = new ObjectWorld(1, api.objects, new ManualClock(Date.now()));
      await world.run();
      for (const name of ["box-1", "box-2", "box-3"]) await world.addNode(name);
      stopPlaying = play(world);
    });
    after(async () => {
      await stopPlaying();
      await world[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    });

    it("lists nodes", async () => {
      const nodes = await ok("get", "nodes", "-o", "wide");
      assert.match(
        nodes,
        /box-1 +Ready +\S+ +\S+ +v1\.34\.0\+selvedge-0\.1\.0 +192\.0\.2\.1 .*Debian +6\.1 +selvedge:\/\/0\.1\.0/,
      );
      assert.match(await ok("describe", "node", "box-1"), /EngineReady[\s\S]*Capacity:[\s\S]*cpu: +4/);
    });

    it("rolls a DaemonSet out, and back", async () => {
      await ok("apply", "-f", api.file("ds.json", workload("DaemonSet", "ds", "ds:1", {})));
      assert.match(await ok("rollout", "status", "ds/ds", "--timeout=30s"), /successfully rolled out/);
      await ok("set", "image", "ds/ds", "main=ds:2");
      await ok("annotate", "ds/ds", "kubernetes.io/change-cause=two");
      assert.match(await ok("rollout", "status", "ds/ds", "--timeout=30s"), /successfully rolled out/);
      assert.match(await ok("rollout", "history", "ds/ds"), /1 +<none>\n2 +/);
      assert.match(await ok("rollout", "history", "ds/ds", "--revision=1"), /Image:\s+ds:1/);
      await ok("rollout", "undo", "ds/ds");
      await ok("rollout", "status", "ds/ds", "--timeout=30s");
      assert.equal(
        await ok("get", "ds", "ds", "-o", "jsonpath={.spec.template.spec.containers[0].image}"),
        "ds:1",
      );
      await ok("rollout", "restart", "ds/ds");
      await ok("rollout", "status", "ds/ds", "--timeout=30s");
      assert.match(await ok("get", "ds"), /ds +3 +3 +3 +3 +3/);
      await ok("wait", "--for=condition=Ready", "pod", "-l", "app=ds", "--timeout=10s");
    });

    it("rolls a Deployment out and back, pauses, scales", async () => {
      await ok("apply", "-f", api.file("d.json", workload("Deployment", "web", "web:1", { replicas: 3 })));
      assert.match(await ok("rollout", "status", "deploy/web", "--timeout=30s"), /successfully rolled out/);
      await ok("set", "image", "deploy/web", "main=web:2");
      await ok("rollout", "status", "deploy/web", "--timeout=30s");
      assert.match(await ok("rollout", "history", "deploy/web"), /1 +<none>\n2 +<none>/);
      await ok("rollout", "undo", "deploy/web", "--to-revision=1");
      await ok("rollout", "status", "deploy/web", "--timeout=30s");
      assert.equal(
        await ok("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].spec.containers[0].image}"),
        "web:1",
      );
      await ok("rollout", "pause", "deploy/web");
      await ok("set", "image", "deploy/web", "main=web:3");
      await ok("rollout", "resume", "deploy/web");
      await ok("rollout", "status", "deploy/web", "--timeout=30s");
      await ok("scale", "deploy/web", "--replicas=5");
      await ok("wait", "--for=jsonpath={.status.availableReplicas}=5", "deploy/web", "--timeout=20s");
      await ok("rollout", "restart", "deploy/web");
      await ok("rollout", "status", "deploy/web", "--timeout=30s");
      assert.match(await ok("get", "deploy", "web"), /web +5\/5 +5 +5/);
      await ok("wait", "--for=condition=Available", "deploy/web", "--timeout=10s");
    });

    it("describes Pods and tells what happened", async () => {
      const name = await ok("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}");
      const described = await ok("describe", "pod", name);
      assert.match(described, /Status: +Running/);
      assert.match(described, /Normal +Scheduled .* default-scheduler +Successfully assigned default\/web-/);
      assert.match(
        await ok("get", "pods", "-o", "wide"),
        /web-\S+ +1\/1 +Running +0 +\S+ +10\.77\.0\.\d+ +box-\d/,
      );
      assert.match(await ok("get", "events"), /ScalingReplicaSet +deployment\/web +Scaled up replica set/);
      const stuck = workload("Deployment", "big", "big:1", { replicas: 1 }) as {
        spec: { template: { spec: object } };
      };
      stuck.spec.template.spec = {
        containers: [{ name: "main", image: "big:1", resources: { requests: { memory: "100Gi" } } }],
      };
      await ok("apply", "-f", api.file("big.json", stuck));
      await ok("wait", "--for=condition=PodScheduled=false", "pod", "-l", "app=big", "--timeout=10s");
      assert.match(
        await ok("describe", "pod", "-l", "app=big"),
        /FailedScheduling .* 0\/3 nodes are available: 3 Insufficient memory\./,
      );
    });

    it("describes a ReplicationController, its Pod, its Service and its namespace", async () => {
      const metadata = { name: "keeper", namespace: "default" };
      const spec = { replicas: 1, selector: { app: "keeper" }, template: template("keeper", "keeper:1") };
      const controller = { apiVersion: "v1", kind: "ReplicationController", metadata, spec };
      await ok("apply", "-f", api.file("keeper.json", controller));
      await ok("expose", "rc/keeper", "--port=6379", "--target-port=agnhost");
      await ok("wait", "--for=jsonpath={.status.readyReplicas}=1", "rc/keeper", "--timeout=20s");
      const described = await ok("describe", "rc", "keeper");
      assert.match(described, /Replicas: +1 current \/ 1 desired\nPods Status: +1 Running \/ 0 Waiting/);
      assert.match(described, /Image: +keeper:1[\s\S]*SuccessfulCreate .* Created pod: keeper-/);
      assert.match(
        await ok("describe", "pod", "-l", "app=keeper"),
        /Status: +Running[\s\S]*Controlled By: +ReplicationController\/keeper[\s\S]*Image: +keeper:1/,
      );
      const service = await ok("describe", "service", "keeper");
      assert.match(service, /Selector: +app=keeper\nType: +ClusterIP[\s\S]*TargetPort: +agnhost\/TCP/);
      assert.match(await ok("describe", "namespace", "default"), /Name: +default[\s\S]*Status: +Active/);
      await ok("delete", "rc/keeper", "service/keeper", "--timeout=30s");
    });

    it("replaces a Pod with another image of its own", async () => {
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "lone", namespace: "default" } };
      const spec = { containers: [{ name: "main", image: "lone:1" }] };
      const path = api.file("lone.json", { ...pod, spec });
      await ok("apply", "-f", path);
      await ok("wait", "--for=condition=Ready", "pod/lone", "--timeout=20s");
      const read = async (what: string): Promise<string> =>
        await ok("get", "pod", "lone", "-o", `jsonpath={${what}}`);
      const uid = await read(".metadata.uid");
      const changed = (await ok("get", "pod", "lone", "-o", "json")).replaceAll("lone:1", "lone:2");
      await ok("replace", "-f", api.file("lone-2.json", JSON.parse(changed)));
      assert.deepEqual(
        [await read(".spec.containers[0].image"), await read(".metadata.uid")],
        ["lone:2", uid],
      );
      await ok("replace", "--force", "-f", path, "--timeout=30s");
      assert.equal(await read(".spec.containers[0].image"), "lone:1");
      assert.notEqual(await read(".metadata.uid"), uid);
      await ok("delete", "pod/lone", "--timeout=30s");
    });

    it("cordons, drains by eviction or deletion, and lets nodes go", async () => {
      await ok("cordon", "box-1");
      assert.match(await ok("get", "nodes"), /box-1 +Ready,SchedulingDisabled/);
      await ok("uncordon", "box-1");
      await ok("delete", "edgenode", "box-3", "--timeout=20s");
      await ok("wait", "--for=delete", "node/box-3", "--timeout=20s");
      world.nodes.delete("box-3");
      await ok("rollout", "status", "ds/ds", "--timeout=30s");
      await ok("wait", "--for=jsonpath={.status.availableReplicas}=5", "deploy/web", "--timeout=20s");
    });

    it("deletes with everything that belongs to it", async () => {
      await ok("delete", "deploy/web", "deploy/big", "ds/ds", "--cascade=foreground", "--timeout=30s");
      assert.equal(await ok("get", "pods,rs,controllerrevisions", "-o", "name"), "");
      await ok("create", "namespace", "shop");
      await ok("create", "deployment", "x", "--image=x:1", "-n", "shop");
      await ok("delete", "namespace", "shop", "--timeout=30s");
    });
  });
}
