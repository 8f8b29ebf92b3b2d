/** Commands about what runs: rollout, scale, set, logs, exec, cp, attach, port-forward, debug, proxy. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { get } from "node:http";
import { text } from "node:stream/consumers";
import { waitFor } from "../../../packages/harness/src/real/wait.ts";
import { deployment, type Group } from "./group.ts";

const rollout: Group = async ({ kubectl, file }) => {
  await kubectl.ok("apply", "-f", await file("rolled.json", deployment("rolled")));
  await kubectl.ok("rollout", "status", "deploy/rolled", "--timeout=60s");
  await kubectl.ok("set", "image", "deploy/rolled", "web=selvedge.internal/hello:2");
  await kubectl.ok("set", "env", "deploy/rolled", "A=b");
  await kubectl.ok("set", "resources", "deploy/rolled", "--limits=cpu=200m,memory=64Mi");
  await kubectl.ok("rollout", "status", "deploy/rolled", "--timeout=60s");
  assert.match(await kubectl.ok("rollout", "history", "deploy/rolled"), /^4 +<none>$/m);
  assert.match(await kubectl.ok("rollout", "history", "deploy/rolled", "--revision=1"), /hello:1/);
  assert.match(await kubectl.ok("rollout", "undo", "deploy/rolled", "--to-revision=1"), /rolled back/);
  const image = "jsonpath={.spec.template.spec.containers[0].image}";
  assert.equal(await kubectl.ok("get", "deploy/rolled", "-o", image), "selvedge.internal/hello:1");
  await kubectl.ok("rollout", "pause", "deploy/rolled");
  assert.equal(await kubectl.ok("get", "deploy/rolled", "-o", "jsonpath={.spec.paused}"), "true");
  await kubectl.ok("rollout", "resume", "deploy/rolled");
  assert.match(await kubectl.ok("rollout", "restart", "deploy/rolled"), /restarted/);
  await kubectl.ok("rollout", "status", "deploy/rolled", "--timeout=60s");
  assert.match(await kubectl.ok("scale", "deploy/rolled", "--replicas=0", "--current-replicas=0"), /scaled/);
  assert.match(
    await kubectl.refused("scale", "deploy/rolled", "--replicas=1", "--current-replicas=5"),
    /Expected replicas to be 5, was 0/,
  );
  await kubectl.ok("delete", "deploy/rolled", "--cascade=foreground", "--timeout=60s");
};

const autoscale: Group = async ({ kubectl, minor }) => {
  const figure = minor >= 34 ? "--cpu=50%" : "--cpu-percent=50";
  assert.match(
    await kubectl.ok("autoscale", "deploy/hello", "--min=1", "--max=3", figure),
    /horizontalpodautoscaler.autoscaling\/hello autoscaled/,
  );
  assert.match(await kubectl.ok("get", "hpa", "hello"), /Deployment\/hello\s+cpu: \S+\/50%\s+1\s+3/);
  await kubectl.ok("delete", "hpa", "hello");
};

const pod = "deploy/hello";

const logs: Group = async ({ kubectl }) => {
  assert.match(await kubectl.ok("logs", pod), /hello: serving on port 8080/);
  assert.match(await kubectl.ok("logs", "-l", "app=hello", "--prefix"), /^\[pod\/hello-\S+\/web\] /m);
  assert.match(await kubectl.ok("logs", pod, "--timestamps", "--tail=1"), /^\d{4}-\d\d-\d\dT\S+Z /);
  assert.equal((await kubectl.ok("logs", pod, "--limit-bytes=5")).length, 5);
  assert.match(await kubectl.ok("logs", pod, "--since=1h"), /serving/);
  assert.match(await kubectl.refused("logs", pod, "-c", "nobody"), /container nobody is not valid for pod/);
  await using following = kubectl.follow("logs", "-f", pod);
  await following.until(/hello: serving on port 8080/);
};

const exec: Group = async ({ kubectl, file }) => {
  assert.equal(await kubectl.ok("exec", pod, "--", "echo", "here"), "here\n");
  assert.equal((await kubectl.run("exec", pod, "--", "sh", "-c", "exit 7")).code, 7);
  const path = await file("there.txt", "x".repeat(100_000));
  const name = (await kubectl.ok("get", "pods", "-l", "app=hello", "-o", "name")).trim().replace("pod/", "");
  await kubectl.ok("cp", path, `${name}:/tmp/there`);
  await kubectl.ok("cp", `${name}:/tmp/there`, `${path}.back`);
  assert.equal(await readFile(`${path}.back`, "utf8"), "x".repeat(100_000));
};

const attach: Group = async ({ kubectl }) => {
  await using attached = kubectl.follow("attach", pod);
  await using forward = kubectl.follow("port-forward", pod, ":8080");
  const [, port] = await forward.until(/Forwarding from 127\.0\.0\.1:(\d+)/);
  // Who attaches sees what is said from then on, and does not say when that is.
  await waitFor("who is attached to see a page", async () => {
    assert.match(await page(Number(port), "/"), /Hello from the edge/);
    return /hello: page for/.test(attached.output) || undefined;
  });
};

const proxy: Group = async ({ kubectl, namespace }) => {
  await using serving = kubectl.follow("proxy", "--port=0");
  const [, port] = await serving.until(/Starting to serve on 127\.0\.0\.1:(\d+)/);
  assert.match(await page(Number(port), `/api/v1/namespaces/${namespace}/pods`), /"PodList"/);
};

const debug: Group = async ({ kubectl, namespace }) => {
  const name = (await kubectl.ok("get", "pods", "-l", "app=hello", "-o", "name")).trim();
  const image = "--image=selvedge.internal/hello:1";
  const look = ["sh", "-c", "tr '\\0' ' ' </proc/1/cmdline; exec sleep 600"];
  const how = ["--target=web", "--container=look", "--profile=general"];
  await kubectl.ok("debug", name, image, ...how, "--", ...look);
  const state = ["get", name, "-o", "jsonpath={.status.ephemeralContainerStatuses[*].state}"];
  await waitFor("what was added to run", async () => /running/.exec(await kubectl.ok(...state)) ?? undefined);
  // It sees what runs in the other, which goes on.
  await waitFor(
    "its log",
    async () => /hello/.exec(await kubectl.ok("logs", name, "-c", "look")) ?? undefined,
  );
  assert.equal(await kubectl.ok("exec", name, "-c", "look", "--", "echo", "there"), "there\n");
  assert.equal(
    await kubectl.ok("get", name, "-o", "jsonpath={.status.containerStatuses[0].restartCount}"),
    "0",
  );
  assert.match(await kubectl.ok("describe", name), /^Ephemeral Containers:\n +look:\n/m);
  await using shell = kubectl.atTerminal("debug", "-it", name, image, "--", "sh");
  await shell.until(/command prompt/);
  shell.type("echo $((6 * 7))\n");
  await shell.until(/^42\r$/m);
  shell.type("exit\n");
  const part = `/api/v1/namespaces/${namespace}/${name.replace("pod/", "pods/")}/ephemeralcontainers`;
  assert.match(await kubectl.ok("get", "--raw", part), /"targetContainerName":"web"/);
  // Made as in any cluster, and never run: what it asks for is the box's.
  const { stdout, stderr } = await kubectl.run("debug", "node/node-1", image, "--", "sh");
  assert.match(
    stderr,
    /Warning: spec\.hostPID: not supported by Selvedge: an app never sees the box's processes/,
  );
  const [, made = ""] = /debugging pod (\S+)/.exec(stdout + stderr) ?? [];
  const waits = ["get", "pod", made, "-o", "jsonpath={.status.containerStatuses[0].state.waiting}"];
  await waitFor("the reason", async () => /NotSupported/.exec(await kubectl.ok(...waits)) ?? undefined);
  await kubectl.ok("delete", "pod", made, "--timeout=60s");
};

const debugCopy: Group = async ({ kubectl }) => {
  const name = (await kubectl.ok("get", "pods", "-l", "app=hello", "-o", "name")).trim();
  const copy = ["--copy-to=copy", "--container=look", "--image=selvedge.internal/hello:1"];
  // By this profile as by all but a deprecated one it sees what runs beside it.
  const look = "until ps | grep 'http[d]'; do sleep 1; done; sleep 600";
  await kubectl.ok("debug", name, "--profile=general", ...copy, "--", "sh", "-c", look);
  await kubectl.ok("wait", "--for=condition=Ready", "pod/copy", "--timeout=120s");
  await using logs = kubectl.follow("logs", "-f", "copy", "-c", "look");
  await logs.until(/httpd -f/);
  await kubectl.ok("delete", "pod", "copy", "--grace-period=1", "--timeout=60s");
};

/** A Pod whose machine is started anew for memory, and for nothing else. */
const sized = {
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "sized" } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        ...{ name: "web", image: "selvedge.internal/hello:1" },
        resources: { limits: { cpu: "100m", memory: "64Mi" }, requests: { cpu: "50m", memory: "64Mi" } },
        resizePolicy: [{ resourceName: "memory", restartPolicy: "RestartContainer" }],
      },
    ],
  },
};

const resize: Group = async ({ kubectl, file, minor }) => {
  const limits = (amounts: object): string =>
    JSON.stringify({ spec: { containers: [{ name: "web", resources: { limits: amounts } }] } });
  const patch = ["patch", "pod", "sized", "--subresource=resize", "-p"];
  if (minor < 32) {
    assert.match(await kubectl.refused(...patch, limits({ cpu: "200m" })), /invalid subresource value/);
    return;
  }
  await kubectl.ok("apply", "-f", await file("sized.json", sized));
  await kubectl.ok("wait", "--for=condition=Ready", "pod/sized", "--timeout=120s");
  const read = (path: string): Promise<string> =>
    kubectl.ok("get", "pod", "sized", "-o", `jsonpath={.status.${path}}`);
  const told = "containerStatuses[0].resources.limits";
  assert.equal(await read(told), '{"cpu":"100m","memory":"64Mi"}');
  await kubectl.ok(...patch, limits({ cpu: "200m" }));
  const pending = 'conditions[?(@.type=="PodResizePending")].reason';
  await waitFor("the change to wait", async () => (await read(pending)) === "Deferred" || undefined);
  assert.equal(await read(told), '{"cpu":"100m","memory":"64Mi"}');
  assert.match(
    await kubectl.refused(...patch, limits({ memory: "32Mi" })),
    /must be less than or equal to memory limit of 32Mi/,
  );
  await kubectl.ok(...patch, limits({ memory: "96Mi" }));
  await waitFor("the new size", async () =>
    (await read(told)) === '{"cpu":"200m","memory":"96Mi"}' ? true : undefined,
  );
  await kubectl.ok("wait", "--for=condition=Ready", "pod/sized", "--timeout=120s");
  assert.deepEqual([await read(pending), await read("containerStatuses[0].restartCount")], ["", "1"]);
  await kubectl.ok("delete", "pod", "sized", "--timeout=60s");
};

async function page(port: number, path: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, agent: false }, (answer) => text(answer).then(resolve, reject)).on(
      "error",
      reject,
    );
  });
}

export const runningGroups: Readonly<Record<string, Group>> = {
  "rollout, set, scale": rollout,
  autoscale,
  logs,
  "exec, cp": exec,
  "attach, port-forward": attach,
  proxy,
  debug,
  "debug --copy-to": debugCopy,
  resize,
};
