/**
 * Client libraries of strangers, on real parts: JavaScript's, and Python's with its dynamic client and its streams.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import {
  AppsV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  makeInformer,
  type V1Pod,
  type V1Status,
  Watch,
} from "@kubernetes/client-node";
import { checkout, LocalSystem, realNodesMissing } from "../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import { kubectlMissing } from "../kubectl.ts";
import { hundredStreams } from "./many-streams.ts";

const skip = realNodesMissing();
const noKubectl = await kubectlMissing();
const namespace = "default";
/** Debian's, which has the packages of Debian. */
const python = "/usr/bin/python3";

function pythonMissing(): string | false {
  try {
    execFileSync(python, ["-c", "import kubernetes"], { stdio: "ignore" });
    return false;
  } catch {
    return "Python's client is missing (apt-get install python3-kubernetes)";
  }
}

describe("client libraries, on real parts", { skip }, () => {
  let system: LocalSystem;
  let pod: string;
  const config = new KubeConfig();

  before(async () => {
    system = await LocalSystem.up({ nodes: 1 });
    await system.demo();
    config.loadFromFile(system.kubeconfig);
    const { items } = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace });
    pod = items[0]?.metadata?.name ?? "";
  });

  after(async () => {
    await system?.[Symbol.asyncDispose]();
  });

  it("JavaScript's makes, reads, changes, scales and deletes", async () => {
    const core = config.makeApiClient(CoreV1Api);
    const body = { metadata: { name: "js" }, data: { a: "1" } };
    const made = await core.createNamespacedConfigMap({ namespace, body });
    assert.ok(made.metadata?.creationTimestamp instanceof Date);
    const replaced = { ...made, data: { a: "2" } };
    await core.replaceNamespacedConfigMap({ namespace, name: "js", body: replaced });
    await assert.rejects(
      core.replaceNamespacedConfigMap({ namespace, name: "js", body: replaced }),
      /HTTP-Code: 409[\s\S]*the object has been modified/,
    );
    const generic = KubernetesObjectApi.makeApiClient(config);
    const patched = await generic.patch({
      ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "js", namespace } },
      data: { b: "3" },
    } as Parameters<KubernetesObjectApi["patch"]>[0]);
    assert.deepEqual((patched as { data?: unknown }).data, { a: "2", b: "3" });
    await core.deleteNamespacedConfigMap({ namespace, name: "js" });
    await assert.rejects(
      core.readNamespacedConfigMap({ namespace, name: "js" }),
      /HTTP-Code: 404[\s\S]*configmaps \\+"js\\+" not found/,
    );
    const apps = config.makeApiClient(AppsV1Api);
    const labels = { app: "js" };
    await apps.createNamespacedDeployment({
      namespace,
      body: {
        metadata: { name: "js" },
        spec: {
          ...{ replicas: 0, selector: { matchLabels: labels } },
          template: { metadata: { labels }, spec: { containers: [{ name: "a", image: "a:1" }] } },
        },
      },
    });
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name: "js" });
    assert.equal(scale.spec?.replicas ?? 0, 0);
    await apps.deleteNamespacedDeployment({ namespace, name: "js" });
  });

  it("JavaScript's follows by watch and by informer", async () => {
    const core = config.makeApiClient(CoreV1Api);
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const seen: string[] = [];
    const watch = await new Watch(config).watch(
      path,
      {},
      (phase, object: { metadata: { name: string } }) => seen.push(`${phase} ${object.metadata.name}`),
      () => undefined,
    );
    const informer = makeInformer(config, path, () => core.listNamespacedConfigMap({ namespace }));
    await informer.start();
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "seen" } } });
    await core.deleteNamespacedConfigMap({ namespace, name: "seen" });
    await waitFor("both events", async () => seen.includes("DELETED seen") || undefined);
    assert.ok(seen.includes("ADDED seen"));
    await waitFor(
      "the informer to forget",
      async () => informer.get("seen", namespace) === undefined || undefined,
    );
    watch.abort();
    await informer.stop();
  });

  it("JavaScript's runs commands and reads logs", async () => {
    const out = new PassThrough();
    const status = await new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec(namespace, pod, "web", ["echo", "here"], out, null, null, false, resolve)
        .catch(reject);
    });
    assert.equal(status.status, "Success");
    assert.equal(await text(out.end()), "here\n");
    const logs = new PassThrough();
    await new Log(config).log(namespace, pod, "web", logs, { tailLines: 1 });
    assert.match(await text(logs), /hello: /);
  });

  it("Python's makes, reads, watches, runs commands, and finds kinds by itself", {
    skip: pythonMissing(),
  }, async () => {
    const script = join(checkout, "tests/system/clients.py");
    const { stdout } = await promisify(execFile)(python, [script, system.kubeconfig, pod], {
      timeout: 120_000,
    });
    assert.match(stdout, /^all is well$/m);
  });

  it(
    "JavaScript's and kubectl's have a hundred streams at once, one of which nobody reads",
    {
      skip: noKubectl,
    },
    () => hundredStreams({ system, config, pod }),
  );

  it("a Pod is what the types say", async () => {
    const core = config.makeApiClient(CoreV1Api);
    // A probe that had to wait for a hundred others' answers may have found it not ready for a moment.
    await waitFor("the Pod to be ready", async () => {
      const read: V1Pod = await core.readNamespacedPod({ namespace, name: pod });
      assert.ok(read.status?.startTime instanceof Date);
      return read.status.containerStatuses?.[0]?.ready || undefined;
    });
  });
});
