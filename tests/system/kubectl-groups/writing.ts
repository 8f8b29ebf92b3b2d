/** Commands that change objects: apply, diff, edit, patch, label, replace, delete, wait … */
import assert from "node:assert/strict";
import { configMap, deployment, type Group } from "./group.ts";

const apply: Group = async ({ kubectl, file }) => {
  const path = await file("apply.json", configMap("applied", { a: "1" }));
  assert.match(await kubectl.ok("apply", "-f", path), /configmap\/applied created/);
  assert.match(await kubectl.ok("apply", "-f", path), /configmap\/applied unchanged/);
  const changed = await file("apply-2.json", configMap("applied", { b: "2" }));
  const { code, stdout } = await kubectl.run("diff", "-f", changed);
  assert.equal(code, 1);
  assert.match(stdout, /^- {2}a: "1"$/m);
  assert.match(await kubectl.ok("apply", "-f", changed, "--dry-run=server"), /configured \(server dry run\)/);
  assert.match(await kubectl.ok("apply", "-f", changed, "--dry-run=client"), /configured \(dry run\)/);
  assert.match(await kubectl.ok("apply", "-f", changed), /configmap\/applied configured/);
  assert.equal(await kubectl.ok("get", "cm", "applied", "-o", "jsonpath={.data}"), '{"b":"2"}');
  assert.equal((await kubectl.run("diff", "-f", changed)).code, 0);
  assert.match(await kubectl.ok("apply", "view-last-applied", "-f", changed), /b: "2"/);
  const shared = ["apply", "--server-side", "-f"];
  const owned = await file("ssa.json", configMap("owned", { a: "1" }));
  assert.match(await kubectl.ok(...shared, owned, "--field-manager=one"), /owned serverside-applied/);
  const other = await file("ssa-2.json", configMap("owned", { a: "2" }));
  assert.match(
    await kubectl.refused(...shared, other, "--field-manager=two"),
    /conflict with "one": \.data\.a/,
  );
  await kubectl.ok(...shared, other, "--field-manager=two", "--force-conflicts");
  assert.match(await kubectl.ok("get", "cm", "owned", "-o", "yaml", "--show-managed-fields"), /manager: two/);
  const wrong = await file("wrong.json", { ...(configMap("wrong", {}) as object), dta: {} });
  assert.match(await kubectl.refused("apply", "-f", wrong), /unknown field "dta"/);
};

const createFromFiles: Group = async ({ kubectl, file }) => {
  const path = await file("made.json", configMap("made", { a: "1" }));
  assert.match(await kubectl.ok("create", "-f", path), /configmap\/made created/);
  assert.match(await kubectl.refused("create", "-f", path), /\(AlreadyExists\)/);
  const replaced = await file("made-2.json", configMap("made", { a: "2" }));
  assert.match(await kubectl.ok("replace", "-f", replaced), /configmap\/made replaced/);
  assert.match(await kubectl.ok("replace", "--force", "-f", path), /configmap\/made replaced/);
  assert.match(await kubectl.ok("delete", "-f", path), /"made" deleted/);
  assert.match(await kubectl.ok("delete", "-f", path, "--ignore-not-found"), /^$/);
};

const edit: Group = async ({ kubectl }) => {
  await kubectl.ok("create", "configmap", "edited", "--from-literal=word=edit-me");
  assert.match(await kubectl.ok("edit", "configmap/edited"), /configmap\/edited edited/);
  assert.equal(await kubectl.ok("get", "cm/edited", "-o", "jsonpath={.data.word}"), "edited");
};

const patch: Group = async ({ kubectl, file }) => {
  await kubectl.ok("apply", "-f", await file("patched.json", deployment("patched")));
  const word = async (path: string): Promise<string> =>
    await kubectl.ok("get", "deploy/patched", "-o", `jsonpath={${path}}`);
  const container = '{"spec":{"template":{"spec":{"containers":[{"name":"more","image":"more:1"}]}}}}';
  await kubectl.ok("patch", "deploy/patched", "-p", container);
  assert.equal(await word(".spec.template.spec.containers[*].name"), "more web");
  const paused = '{"metadata":{"labels":{"tier":"front","app":null}}}';
  await kubectl.ok("patch", "deploy/patched", "--type=merge", "-p", paused);
  assert.equal(await word(".metadata.labels"), '{"tier":"front"}');
  const replace = '[{"op":"replace","path":"/spec/template/spec/containers/1/image","value":"web:9"}]';
  await kubectl.ok("patch", "deploy/patched", "--type=json", "-p", replace);
  assert.equal(await word(".spec.template.spec.containers[1].image"), "web:9");
  const scale = ["--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":0}}'];
  await kubectl.ok("patch", "deploy/patched", ...scale);
  assert.match(
    await kubectl.refused("patch", "deploy/patched", "-p", '{"spec":{"replicas":-1}}'),
    /spec\.replicas: Invalid value: -1: must be greater than or equal to 0/,
  );
};

const label: Group = async ({ kubectl }) => {
  await kubectl.ok("create", "configmap", "labelled");
  assert.match(await kubectl.ok("label", "cm/labelled", "a=1", "b=2"), /labeled/);
  assert.match(await kubectl.refused("label", "cm/labelled", "a=2"), /already has a value|--overwrite/);
  await kubectl.ok("label", "cm/labelled", "a=2", "--overwrite");
  await kubectl.ok("label", "cm/labelled", "b-");
  assert.equal(await kubectl.ok("get", "cm/labelled", "-o", "jsonpath={.metadata.labels}"), '{"a":"2"}');
  await kubectl.ok("annotate", "cm/labelled", "note=kept");
  assert.match(await kubectl.ok("annotate", "cm/labelled", "--list"), /note=kept/);
  assert.equal(
    (await kubectl.ok("get", "cm", "-l", "a in (2,3),!b", "-o", "name")).trim(),
    "configmap/labelled",
  );
};

const waiting: Group = async ({ kubectl, file }) => {
  await kubectl.ok("wait", "--for=condition=Available", "deploy/hello", "--timeout=60s");
  await kubectl.ok(
    "wait",
    "--for=jsonpath={.status.phase}=Running",
    "pod",
    "-l",
    "app=hello",
    "--timeout=60s",
  );
  const held = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "going", finalizers: ["a.example/b"] },
  };
  await kubectl.ok("create", "-f", await file("going.json", held));
  await kubectl.ok("delete", "cm", "going", "--wait=false");
  assert.match(await kubectl.ok("get", "cm", "going", "-o", "yaml"), /deletionTimestamp/);
  const gone = kubectl.ok("wait", "--for=delete", "cm/going", "--timeout=60s");
  await kubectl.ok("patch", "cm/going", "--type=merge", "-p", '{"metadata":{"finalizers":null}}');
  await gone;
  assert.match(await kubectl.refused("get", "cm", "going"), /NotFound/);
  assert.match(
    await kubectl.refused("wait", "--for=condition=Nonsense", "deploy/hello", "--timeout=1s"),
    /timed out waiting for the condition/,
  );
};

export const writingGroups: Readonly<Record<string, Group>> = {
  "apply, diff": apply,
  "create -f, replace, delete": createFromFiles,
  edit,
  patch,
  "label, annotate": label,
  wait: waiting,
};
