/**
 * Jobs, StatefulSets, volumes, budgets, quotas and drains as people use them, by stock kubectl: the real
 * server and reconcilers, nodes that are played.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type KubectlVersion, kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { ApiWorld, opensslMissing, type Said } from "../../apiserver/test/api-world.ts";
import { ensureStandardObjects } from "../src/standard-objects.ts";
import { ManualClock } from "./manual-clock.ts";
import { ObjectWorld } from "./object-world.ts";
import { play } from "./play.ts";

const pods = (image: string, more: object = {}): object => ({
  metadata: { labels: { app: "db" } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image, ...more }] },
});

const database = {
  ...{ apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "db", namespace: "default" } },
  spec: {
    ...{ replicas: 2, serviceName: "db", selector: { matchLabels: { app: "db" } } },
    template: pods("db:1", { volumeMounts: [{ name: "data", mountPath: "/data" }] }),
    volumeClaimTemplates: [
      {
        metadata: { name: "data" },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
      },
    ],
  },
};

const indexed = {
  ...{ apiVersion: "batch/v1", kind: "Job", metadata: { name: "indexed", namespace: "default" } },
  spec: {
    ...{ completions: 3, parallelism: 2, completionMode: "Indexed" },
    template: { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "succeeds:1" }] } },
  },
};

for (const version of ["1.32", "1.35"] as const satisfies readonly KubectlVersion[]) {
  const skip = (await kubectlMissing(version)) || opensslMissing();
  describe(`kubectl ${version} on what runs once, keeps its name, or must not all go`, { skip }, () => {
    let api: ApiWorld;
    let world: ObjectWorld;
    let binary = "";
    let stopPlaying: () => Promise<void>;
    const run = (...words: string[]): Promise<Said> => api.kubectl(binary, words);
    const ok = async (...words: string[]): Promise<string> => {
      const { code, out, err } = await run(...words);
      assert.equal(code, 0, `kubectl ${words.join(" ")}: ${err}${out}`);
      return out;
    };
    const fails = async (...words: string[]): Promise<string> => {
      const { code, out, err } = await run(...words);
      assert.notEqual(code, 0, `kubectl ${words.join(" ")}: ${out}`);
      return err;
    };
    const field = (what: string, path: string): Promise<string> =>
      ok("get", ...what.split(" "), "-o", `jsonpath={${path}}`);
    before(async () => {
      binary = (await kubectl(version)) ?? "";
      api = await new ApiWorld().start();
      world = new ObjectWorld(1, api.objects, new ManualClock(Date.now()));
      await ensureStandardObjects(world.objects);
      await world.run();
      for (const name of ["box-1", "box-2"]) {
        const node = await world.addNode(name);
        node.broken.set("succeeds:1", "succeeds");
        node.broken.set("fails:1", "fails");
      }
      stopPlaying = play(world);
    });
    after(async () => {
      await stopPlaying();
      await world[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    });

    it("runs Jobs to their end", async () => {
      await ok("create", "job", "once", "--image=succeeds:1", "--", "true");
      await ok("wait", "--for=condition=Complete", "job/once", "--timeout=20s");
      assert.match(await ok("get", "jobs"), /once +Complete +1\/1 +\d+s/);
      assert.match(
        await ok("describe", "job", "once"),
        /Pods Statuses: +0 Active \(0 Ready\) \/ 1 Succeeded \/ 0 Failed/,
      );
      assert.match(await ok("describe", "job", "once"), /Completed +\S+ +job-controller +Job completed/);
      await ok("apply", "-f", api.file("indexed.json", indexed));
      await ok("wait", "--for=condition=Complete", "job/indexed", "--timeout=20s");
      assert.match(await ok("describe", "job", "indexed"), /Completed Indexes: +0-2/);
      assert.match(await fails("create", "job", "bad", "--image=x:1", "--from=cronjob/none"), /./);
      const always = { ...indexed, metadata: { name: "always", namespace: "default" } };
      const template = { spec: { restartPolicy: "Always", containers: [{ name: "main", image: "a:1" }] } };
      const wrong = { ...always, spec: { template } };
      assert.match(
        await fails("create", "-f", api.file("always.json", wrong)),
        /spec\.template\.spec\.restartPolicy: Required value: valid values: "OnFailure", "Never"/,
      );
      await ok("delete", "job", "once", "indexed", "--timeout=20s");
    });

    it("makes Jobs from CronJobs, by the clock and by hand", async () => {
      await ok("create", "cronjob", "tick", "--image=succeeds:1", "--schedule=0 0 1 1 *", "--", "true");
      assert.match(await ok("get", "cronjobs"), /tick +0 0 1 1 \* +<none> +False +0 +<none>/);
      await ok("create", "job", "now", "--from=cronjob/tick");
      await ok("wait", "--for=condition=Complete", "job/now", "--timeout=20s");
      assert.equal(
        await field("job now", ".metadata.annotations.cronjob\\.kubernetes\\.io/instantiate"),
        "manual",
      );
      await ok("patch", "cronjob", "tick", "-p", '{"spec":{"suspend":true}}');
      assert.match(await ok("describe", "cronjob", "tick"), /Suspend: +True/);
      assert.match(
        await fails("patch", "cronjob", "tick", "-p", '{"spec":{"schedule":"often"}}'),
        /spec\.schedule: Invalid value: "often": expected exactly 5 fields, found 1: \[often\]/,
      );
      await ok("delete", "cronjob", "tick", "--timeout=20s");
    });

    it("rolls StatefulSets with volumes of their own", async () => {
      await ok("apply", "-f", api.file("db.json", database));
      assert.match(await ok("rollout", "status", "sts/db", "--timeout=30s"), /complete|2 pods at revision/);
      assert.match(await ok("get", "sts"), /db +2\/2/);
      assert.match(await ok("get", "pvc"), /data-db-0 +Bound +pvc-\S+ +1Gi +RWO +selvedge-local/);
      assert.match(
        await ok("get", "pv"),
        /pvc-\S+ +1Gi +RWO +Delete +Bound +default\/data-db-\d +selvedge-local/,
      );
      assert.match(
        await ok("get", "sc"),
        /selvedge-local \(default\) +selvedge\.dev\/local +Delete +WaitForFirstConsumer +false/,
      );
      await ok("set", "image", "sts/db", "main=db:2");
      await ok("rollout", "status", "sts/db", "--timeout=30s");
      assert.match(await ok("rollout", "history", "sts/db"), /1 +<none>\n2 +<none>/);
      await ok("rollout", "undo", "sts/db");
      await ok("rollout", "status", "sts/db", "--timeout=30s");
      assert.equal(await field("sts db", ".spec.template.spec.containers[0].image"), "db:1");
      await ok("rollout", "restart", "sts/db");
      await ok("rollout", "status", "sts/db", "--timeout=30s");
      await ok("scale", "sts/db", "--replicas=3");
      await ok("wait", "--for=jsonpath={.status.readyReplicas}=3", "sts/db", "--timeout=20s");
      assert.match(await ok("describe", "sts", "db"), /Volume Claims:[\s\S]*data/);
      assert.match(await ok("describe", "pvc", "data-db-0"), /Used By: +db-0/);
      assert.match(
        await fails("patch", "sts", "db", "-p", '{"spec":{"serviceName":"x"}}'),
        /updates to statefulset spec for fields other than 'replicas', .* are forbidden/,
      );
    });

    it("drains a node as far as budgets let it", async () => {
      await ok("create", "deployment", "web", "--image=web:1", "--replicas=4");
      await ok("rollout", "status", "deploy/web", "--timeout=30s");
      await ok("create", "pdb", "web", "--selector=app=web", "--min-available=4");
      await ok("wait", "--for=jsonpath={.status.currentHealthy}=4", "pdb/web", "--timeout=20s");
      const [pod = ""] = (await field("pods -l app=web", ".items[*].metadata.name")).split(" ");
      const node = await field(`pod ${pod}`, ".spec.nodeName");
      const drain = ["drain", node, "--pod-selector=app=web", "--timeout=2s"];
      const err = await fails(...drain);
      assert.match(err, /Cannot evict pod as it would violate the pod's disruption budget\./);
      assert.match(await ok("get", "pdb"), /web +4 +N\/A +0/);
      await ok("patch", "pdb", "web", "--type=merge", "-p", '{"spec":{"minAvailable":1}}');
      await ok("wait", "--for=jsonpath={.status.disruptionsAllowed}=3", "pdb/web", "--timeout=20s");
      await ok(...drain.slice(0, 3), "--timeout=60s");
      await ok("rollout", "status", "deploy/web", "--timeout=30s");
      const left = await ok(
        "get",
        "pods",
        "-l",
        "app=web",
        `--field-selector=spec.nodeName=${node}`,
        "-o",
        "name",
      );
      assert.equal(left, "");
      await ok("uncordon", node);
    });

    it("keeps to quotas, limits and priorities", async () => {
      await ok("create", "namespace", "small");
      await ok("create", "quota", "q", "-n", "small", "--hard=pods=1,services=1");
      await ok("run", "one", "-n", "small", "--image=a:1");
      assert.match(
        await fails("run", "two", "-n", "small", "--image=a:1"),
        /pods "two" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1/,
      );
      assert.match(await ok("describe", "quota", "q", "-n", "small"), /pods +1 +1\nservices +0 +1/);
      assert.match(await ok("get", "quota", "-n", "small"), /q +pods: 1\/1, services: 0\/1/);
      await ok("create", "priorityclass", "high", "--value=1000", "--description=first");
      assert.match(await ok("get", "pc"), /high +1000 +false/);
      assert.match(await ok("get", "runtimeclass"), /microvm +microvm/);
      const policy = {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name: "n" },
        spec: { ingress: [{ from: [{ ipBlock: { cidr: "fd00::/8" } }] }] },
      };
      const made = await run("create", "-n", "small", "-f", api.file("np.json", policy));
      assert.match(made.err, /Warning: spec\.ingress\[0\]\.from\[0\]\.ipBlock\.cidr: .* IPv4 only/);
      assert.match(
        await ok("describe", "netpol", "n", "-n", "small"),
        /PodSelector: +<none> \(Allowing the specific traffic to all pods/,
      );
      await ok("delete", "namespace", "small", "--timeout=40s");
    });

    it("makes Services of every type, and tells who answers for them", async () => {
      await ok("expose", "deployment", "web", "--port=80", "--target-port=8080");
      await ok(
        "wait",
        "--for=jsonpath={.endpoints[3].conditions.ready}=true",
        "endpointslices",
        "-l",
        "kubernetes.io/service-name=web",
        "--timeout=20s",
      );
      assert.match(
        await ok("describe", "service", "web"),
        /Endpoints: +10\.77\.0\.10:8080,.* \+ 1 more|Endpoints: +10\.77/,
      );
      await ok("create", "service", "externalname", "other", "--external-name=example.com");
      const said = await run("create", "service", "loadbalancer", "lb", "--tcp=80:8080");
      assert.match(said.err, /Warning: there is no load balancer/);
      assert.match(
        await ok("get", "services"),
        /lb +LoadBalancer +10\.\d+\.\d+\.\d+ +<pending> +80:3\d{4}\/TCP/,
      );
      const kept = await run("create", "ingress", "front", "--rule=shop.example/*=web:80");
      assert.match(kept.err, /Warning: Ingress is kept, but no node routes by hosts and paths/);
      assert.match(await ok("get", "ingresses"), /front +<none> +shop\.example +80 /);
      await ok("delete", "service", "web", "other", "lb");
      await ok("delete", "ingress", "front");
    });

    it("shows events in both groups", async () => {
      const core = await ok("get", "events", "-o", "name");
      assert.match(core, /^event\//);
      assert.match(await ok("get", "events.events.k8s.io", "-o", "jsonpath={.items[0].note}"), /./);
      assert.match(
        await ok("events", "--for=statefulset/db"),
        /create Pod db-0 in StatefulSet db successful/,
      );
    });
  });
}
