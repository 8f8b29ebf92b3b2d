/** Stock kubectl against an API server with our kinds: what people see of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type KubectlVersion, kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { ApiWorld, opensslMissing, type Said } from "../../apiserver/test/api-world.ts";

const examples = join(import.meta.dirname, "../../../examples");

/** What kubectl says of everything that is wrong with it at once. */
const impossible = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "impossible" },
  spec: {
    selector: { matchLabels: { app: "a" } },
    template: {
      metadata: { labels: { app: "b" } },
      spec: {
        containers: [
          {
            name: "web",
            image: "Not An Image",
            resources: { limits: { cpu: "5000", memory: "1Mi" } },
            ports: [
              { containerPort: 80, hostPort: 8080 },
              { containerPort: 81, hostPort: 8080 },
            ],
          },
        ],
      },
    },
  },
};

const faults = [
  '* spec.template.metadata.labels: Invalid value: {"app":"b"}: `selector` does not match template `labels`',
  '* spec.template.spec.containers[0].image: Invalid value: "Not An Image": must be the name of an image: ',
  '* spec.template.spec.containers[0].resources.limits[cpu]: Invalid value: "5k": must be no more than 1024: ',
  '* spec.template.spec.containers[0].resources.limits[memory]: Invalid value: "1Mi": must be at least 16Mi: ',
  '* spec.template.spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//8080"',
];

for (const version of ["1.32", "1.35"] as const satisfies readonly KubectlVersion[]) {
  const skip = (await kubectlMissing(version)) || opensslMissing();
  describe(`kubectl ${version} and our kinds`, { skip }, () => {
    let world: ApiWorld;
    let binary = "";
    const run = (...words: string[]): Promise<Said> => world.kubectl(binary, words);
    const ok = async (...words: string[]): Promise<string> => {
      const { code, out, err } = await run(...words);
      assert.equal(code, 0, `kubectl ${words.join(" ")}: ${err}`);
      return out;
    };
    /** The cells of the first row, as people see them. */
    const row = async (...words: string[]): Promise<string[]> =>
      (await ok("get", ...words, "--no-headers")).split("\n")[0]?.split(/\s{2,}/) ?? [];

    before(async () => {
      binary = (await kubectl(version)) ?? "";
      world = await new ApiWorld().start();
    });
    after(() => world[Symbol.asyncDispose]());

    it("applies every example, and finds nothing to change the second time", async () => {
      await ok("apply", "-f", examples);
      const again = (await ok("apply", "-f", examples)).trim().split("\n");
      assert.ok(again.length >= 6, again.join("\n"));
      assert.deepEqual(
        again.filter((line) => !line.endsWith(" unchanged")),
        // stringData is for writing: a Secret that has some is written again, as on any cluster.
        ["secret/till configured"],
      );
    });

    it("shows them as a cluster does", async () => {
      const [name, ...counts] = await row("daemonset", "hello", "-o", "wide");
      assert.deepEqual([name, ...counts.slice(0, 6)], ["hello", "0", "0", "0", "0", "0", "<none>"]);
      assert.deepEqual(counts.slice(7), ["web", "selvedge.internal/hello:1", "app=hello"]);
      assert.deepEqual((await row("deployment", "shop")).slice(0, 4), ["shop", "0/2", "0", "0"]);
      const service = await row("service", "shop", "-o", "wide");
      assert.deepEqual(service.slice(0, 5), ["shop", "NodePort", "<none>", "<none>", "80:30080/TCP"]);
      const pod = await row("pod", "till", "-o", "wide");
      assert.deepEqual(
        [...pod.slice(0, 4), ...pod.slice(5)],
        ["till", "0/2", "Pending", "0", "<none>", "<none>", "<none>", "<none>"],
      );
      assert.deepEqual((await row("configmap", "till")).slice(0, 2), ["till", "2"]);
      assert.deepEqual((await row("secret", "till")).slice(0, 3), ["till", "Opaque", "1"]);
    });

    it("describes them", async () => {
      const pod = await ok("describe", "pod", "till");
      assert.match(pod, /Status: +Pending/);
      assert.match(pod, /TOKEN: +<set to the key 'token' in secret 'till'> +Optional: false/);
      assert.match(pod, /Readiness: +exec \[test -f \/shared\/opened\] delay=0s timeout=1s period=2s/);
      assert.match(pod, /QoS Class: +Burstable/);
      assert.match(await ok("describe", "secret", "till"), /token: +\d+ bytes/);
      assert.match(
        await ok("describe", "deployment", "shop"),
        /RollingUpdateStrategy: +0 max unavailable, 1 max surge/,
      );
      assert.match(await ok("describe", "service", "shop"), /NodePort: +http +30080\/TCP/);
    });

    it("makes what it sends as protobuf", async () => {
      await ok("create", "deployment", "web", "--image=web:1", "--replicas=0", "--port=80");
      await ok("expose", "deployment", "web", "--port=80", "--type=NodePort");
      await ok("run", "once", "--image=web:1", "--restart=Never", "--env=A=b", "--", "true");
      await ok("create", "serviceaccount", "robot");
      await ok("create", "secret", "docker-registry", "pull", "--docker-username=u", "--docker-password=p");
      assert.equal(await ok("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"), "0");
      assert.match(
        await ok("get", "service", "web", "-o", "jsonpath={.spec.ports[0].nodePort}"),
        /^3[0-2]\d{3}$/,
      );
      assert.equal(await ok("get", "pod", "once", "-o", "jsonpath={.spec.containers[0].args[0]}"), "true");
    });

    it("is told at once of all that cannot be", async () => {
      const { code, err } = await run("apply", "-f", world.file("impossible.json", impossible));
      assert.equal(code, 1);
      for (const fault of faults) assert.ok(err.includes(fault), `${fault}\nis not in\n${err}`);
    });

    it("explains them", async () => {
      const node = await ok("explain", "edgenode.spec");
      assert.match(node, /GROUP: +selvedge.dev\nKIND: +EdgeNode\nVERSION: +v1alpha1/);
      for (const member of ["activate\t<boolean>", "settings\t<map\\[string\\]string>"]) {
        assert.match(node, new RegExp(` ${member}`));
      }
      const probe = await ok("explain", "deployment.spec.template.spec.containers.livenessProbe.httpGet");
      assert.match(probe, /port\t<.*> -required-/);
    });

    it("keeps a node's taints, cordons and what boxes say", async () => {
      const node = { apiVersion: "v1", kind: "Node", metadata: { name: "box" } };
      await ok("create", "-f", world.file("node.json", node));
      await ok("taint", "node", "box", "for=tills:NoSchedule");
      await ok("cordon", "box");
      assert.deepEqual((await row("node", "box")).slice(0, 3), [
        "box",
        "Unknown,SchedulingDisabled",
        "<none>",
      ]);
      const edge = {
        apiVersion: "selvedge.dev/v1alpha1",
        kind: "EdgeNode",
        metadata: { name: "box" },
        spec: {},
      };
      await ok("create", "-f", world.file("edge.json", edge));
      const status = { phase: "Ready", serial: "42", identityStore: "tpm", engineVersion: "0.1.0" };
      const patch = JSON.stringify({ status });
      await ok("patch", "edgenode", "box", "--subresource=status", "--type=merge", "-p", patch);
      const cells = await row("edgenode", "box", "-o", "wide");
      assert.deepEqual(
        [...cells.slice(0, 5), ...cells.slice(6, 8)],
        [...["box", "42", "Ready", "<none>", "<never>", "0.1.0", "tpm"]],
      );
      await ok("delete", "edgenode,node", "box");
    });
  });
}
