/** Commands that look: get, describe, explain, api-resources, events, top, config … */
import assert from "node:assert/strict";
import type { Group } from "./group.ts";

const get: Group = async ({ kubectl, namespace }) => {
  assert.match(await kubectl.ok("get", "deploy,rs,pods"), /deployment\.apps\/hello[\s\S]*pod\/hello-/);
  assert.match(await kubectl.ok("get", "all"), /deployment\.apps\/hello/);
  assert.match(await kubectl.ok("get", "pods", "-A"), new RegExp(`^${namespace} +hello-`, "m"));
  assert.match(await kubectl.ok("get", "deploy", "hello", "-o", "wide"), /CONTAINERS[\s\S]*hello:1/);
  assert.match(await kubectl.ok("get", "deploy", "hello", "-o", "yaml"), /^kind: Deployment$/m);
  const list = JSON.parse(await kubectl.ok("get", "pods", "-l", "app=hello", "-o", "json")) as {
    items: { metadata: { name: string }; status: { phase: string } }[];
  };
  assert.deepEqual(
    list.items.map(({ status }) => status.phase),
    ["Running"],
  );
  const name = list.items[0]?.metadata.name ?? "";
  assert.equal((await kubectl.ok("get", "pods", "-o", "name")).trim(), `pod/${name}`);
  assert.equal(await kubectl.ok("get", "pod", name, "-o", "jsonpath={.status.phase}"), "Running");
  assert.equal(await kubectl.ok("get", "pod", name, "-o", "go-template={{.spec.nodeName}}"), "node-1");
  const columns = "custom-columns=NAME:.metadata.name,NODE:.spec.nodeName";
  assert.match(await kubectl.ok("get", "pods", "-o", columns), /^hello-\S+ +node-1$/m);
  const selected = ["get", "pods", "-o", "name", "--field-selector"];
  assert.equal((await kubectl.ok(...selected, "status.phase=Running")).trim(), `pod/${name}`);
  assert.equal((await kubectl.ok(...selected, "spec.nodeName=elsewhere")).trim(), "");
  assert.match(await kubectl.ok("get", "pods", "--show-labels"), /app=hello/);
  assert.match(await kubectl.ok("get", "pods", "-L", "app"), /APP\n[\s\S]*hello$/m);
  await kubectl.ok("get", "pods", "--sort-by=.metadata.creationTimestamp");
  assert.match(await kubectl.ok("get", "--raw", "/api/v1/nodes/node-1"), /"kind":"Node"/);
  assert.match(
    await kubectl.refused("get", "pod", "nobody"),
    /^Error from server \(NotFound\): pods "nobody"/,
  );
  assert.match(await kubectl.refused("get", "nonsense"), /doesn't have a resource type "nonsense"/);
  await using watch = kubectl.follow("get", "pods", "-w", "-o", "name");
  await watch.until(new RegExp(`pod/${name}`));
};

const describe: Group = async ({ kubectl }) => {
  assert.match(await kubectl.ok("describe", "node", "node-1"), /^Name: +node-1[\s\S]*Non-terminated Pods:/m);
  assert.match(await kubectl.ok("describe", "deploy/hello"), /^Replicas: +1 desired .* 1 available/m);
  assert.match(await kubectl.ok("describe", "pods", "-l", "app=hello"), /^Status: +Running$/m);
  assert.match(await kubectl.ok("describe", "ns", "default"), /^Status: +Active$/m);
};

const explain: Group = async ({ kubectl }) => {
  assert.match(await kubectl.ok("explain", "pods"), /VERSION: +v1[\s\S]*spec\s+<PodSpec>/);
  assert.match(await kubectl.ok("explain", "deployment.spec.replicas"), /replicas <integer>/);
  assert.match(await kubectl.ok("explain", "edgenode.spec"), /FIELDS:/);
  assert.match(await kubectl.ok("explain", "pod.spec", "--recursive"), /containers\s+<\[\]Container>/);
};

const discovery: Group = async ({ kubectl }) => {
  assert.match(await kubectl.ok("api-resources"), /^deployments +deploy +apps\/v1 +true +Deployment$/m);
  assert.match(await kubectl.ok("api-resources", "--namespaced=false", "-o", "name"), /^nodes$/m);
  assert.match(await kubectl.ok("api-resources", "--api-group=selvedge.dev"), /^edgenodes /m);
  assert.match(await kubectl.ok("api-versions"), /^apps\/v1$/m);
  assert.match(await kubectl.ok("version"), /^Server Version: /m);
  assert.match(await kubectl.ok("cluster-info"), /is running at/);
  assert.equal((await kubectl.ok("get", "--raw", "/readyz")).trim(), "ok");
};

const events: Group = async ({ kubectl }) => {
  assert.match(await kubectl.ok("events", "--for", "deployment/hello"), /ScalingReplicaSet/);
  assert.match(await kubectl.ok("events", "--types=Normal"), /Scheduled/);
  assert.match(await kubectl.ok("get", "events", "--sort-by=.lastTimestamp"), /Scheduled/);
  assert.match(await kubectl.ok("get", "events.events.k8s.io"), /Scheduled/);
};

const top: Group = async ({ kubectl }) => {
  assert.match(await kubectl.ok("top", "node"), /^node-1 +\d+m? +\d+% +\d+Mi/m);
};

const config: Group = async ({ kubectl, file }) => {
  assert.match(await kubectl.ok("config", "view"), /certificate-authority-data: DATA\+OMITTED/);
  assert.match(await kubectl.ok("config", "get-contexts", "-o", "name"), /\S/);
  assert.match(await kubectl.ok("config", "current-context"), /\S/);
  await kubectl.ok("options");
  assert.match(await kubectl.ok("completion", "bash"), /__start_kubectl/);
  const path = await file("kustomization.yaml", "resources: [deployment.yaml]\nnamePrefix: built-\n");
  const text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"a":"b"}}';
  await file("deployment.yaml", text);
  const folder = path.slice(0, path.lastIndexOf("/"));
  assert.match(await kubectl.ok("kustomize", folder), /name: built-one/);
  assert.match(await kubectl.ok("apply", "-k", folder), /configmap\/built-one created/);
  assert.match(await kubectl.ok("delete", "-k", folder), /"built-one" deleted/);
};

export const readingGroups: Readonly<Record<string, Group>> = {
  get,
  describe,
  explain,
  "api-resources, version, cluster-info": discovery,
  events,
  top,
  "config, kustomize": config,
};
