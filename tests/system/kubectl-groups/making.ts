/** `create` with everything it makes by itself, and run and expose: what kubectl sends as protobuf. */
import assert from "node:assert/strict";
import type { Group } from "./group.ts";

const create: Group = async ({ kubectl, namespace, file }) => {
  const make = async (...words: readonly string[]): Promise<void> => {
    assert.match(await kubectl.ok("create", ...words), / created( \(.*\))?\n$/, words.join(" "));
  };
  const text = await file("words.txt", "a=1\nb=2\n");
  await make("configmap", "made", "--from-literal=a=1", `--from-file=words=${text}`);
  await make("configmap", "env", `--from-env-file=${text}`);
  await make("secret", "generic", "made", "--from-literal=password=x");
  const pull = ["--docker-server=r.example", "--docker-username=u", "--docker-password=p"];
  await make("secret", "docker-registry", "pull", ...pull);
  await make("serviceaccount", "robot");
  await make("role", "reader", "--verb=get,list", "--resource=pods,configmaps", "--resource-name=made");
  await make("rolebinding", "readers", "--role=reader", `--serviceaccount=${namespace}:robot`);
  await make("clusterrole", `${namespace}-all`, "--verb=*", "--resource=*", "--dry-run=client");
  await make("clusterrole", `${namespace}-see`, "--verb=get", "--non-resource-url=/metrics");
  await make("clusterrolebinding", `${namespace}-sees`, `--clusterrole=${namespace}-see`, "--user=ann");
  await make("deployment", "web", "--image=web:1", "--replicas=0", "--port=80");
  await make("job", "once", "--image=web:1", "--dry-run=server", "--", "true");
  await make("cronjob", "nightly", "--image=web:1", "--schedule=0 3 * * *", "--", "true");
  await make("job", "now", "--from=cronjob/nightly", "--dry-run=server");
  await make("quota", "small", "--hard=configmaps=50,secrets=50");
  await make("poddisruptionbudget", "most", "--selector=app=web", "--min-available=1");
  await make("priorityclass", `${namespace}-first`, "--value=1000", "--description=first");
  await make("service", "clusterip", "inside", "--tcp=80:8080");
  await make("service", "nodeport", "outside", "--tcp=80:8080");
  await make("namespace", `${namespace}-more`);
  assert.match(await kubectl.ok("get", "quota", "small"), /configmaps: \d+\/50/);
  assert.match(await kubectl.ok("get", "cronjob"), /^nightly +0 3 \* \* \* /m);
  assert.match(await kubectl.ok("describe", "rolebinding", "readers"), /ServiceAccount +robot/);
  assert.match(await kubectl.ok("describe", "quota", "small"), /^secrets +\d+ +50$/m);
  await kubectl.ok("delete", "clusterrole", `${namespace}-see`);
  await kubectl.ok("delete", "clusterrolebinding", `${namespace}-sees`);
  await kubectl.ok("delete", "priorityclass", `${namespace}-first`);
  await kubectl.ok("delete", "namespace", `${namespace}-more`, "--timeout=60s");
  await kubectl.ok("delete", "cronjob/nightly", "pdb/most", "quota/small", "deploy/web");
};

const expose: Group = async ({ kubectl }) => {
  assert.match(await kubectl.ok("expose", "deploy/hello", "--port=80", "--target-port=8080"), /exposed/);
  assert.match(await kubectl.ok("get", "service", "hello"), /80\/TCP/);
  await kubectl.ok("delete", "service", "hello");
};

const run: Group = async ({ kubectl }) => {
  const words = ["--image=selvedge.internal/hello:1", "--restart=Never"];
  const command = ["--command", "--", "sh", "-c", "echo done; exit 0"];
  assert.match(await kubectl.ok("run", "task", ...words, "--env=A=b", ...command), /pod\/task created/);
  await kubectl.ok("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/task", "--timeout=120s");
  assert.match(await kubectl.ok("logs", "task"), /^done$/m);
  await kubectl.ok("delete", "pod", "task", "--timeout=60s");
};

export const makingGroups: Readonly<Record<string, Group>> = { "create *": create, expose, run };
