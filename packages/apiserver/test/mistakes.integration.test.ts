/**
 * The mistakes people make most often in manifests, and what upstream says of each, to the letter: its words
 * are what they search for, and what tools take apart.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing } from "./api-world.ts";

const container = { name: "a", image: "nginx" };
const labels = { app: "a" };
const selector = { matchLabels: labels };
const template = { metadata: { labels }, spec: { containers: [container] } };
const runOnce = { spec: { restartPolicy: "Never", containers: [container] } };

interface Manifest {
  readonly [member: string]: unknown;
}

type Row = readonly [what: string, said: string];

function unreadable(kind: string, why: string): string {
  return `${kind} in version "v1" cannot be handled as a ${kind}: ${why}`;
}

const label = "must consist of lower case alphanumeric characters or '-'";
const named = "and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex";
const rfc1123 = `a lowercase RFC 1123 label ${label}, ${named} used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`;
const unmatched = "`selector` does not match template `labels`";
const number = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** The container's members, as JSON, and what is said of `spec.containers[0]`. */
const containers: readonly Row[] = [
  ['{"image":""}', ".image: Required value"],
  ['{"name":""}', ".name: Required value"],
  ['{"name":"A_b"}', `.name: Invalid value: "A_b": ${rfc1123}`],
  [
    '{"imagePullPolicy":"always"}',
    '.imagePullPolicy: Unsupported value: "always": supported values: "Always", "IfNotPresent", "Never"',
  ],
  ['{"ports":[{"containerPort":0}]}', ".ports[0].containerPort: Required value"],
  [
    '{"ports":[{"containerPort":70000}]}',
    ".ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
  ],
  [
    '{"ports":[{"containerPort":80,"protocol":"tcp"}]}',
    '.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
  ],
  ['{"env":[{"value":"1"}]}', ".env[0].name: Required value"],
  [
    '{"env":[{"name":"A","value":"1","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}',
    '.env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
  ],
  [
    '{"env":[{"name":"A","valueFrom":{}}]}',
    '.env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, ' +
      "`configMapKeyRef` or `secretKeyRef`",
  ],
  [
    '{"resources":{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}}',
    '.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  ],
  ['{"volumeMounts":[{"name":"v","mountPath":"/x"}]}', '.volumeMounts[0].name: Not found: "v"'],
  ['{"livenessProbe":{}}', ".livenessProbe: Required value: must specify a handler type"],
  [
    '{"livenessProbe":{"exec":{"command":["a"]},"successThreshold":2}}',
    ".livenessProbe.successThreshold: Invalid value: 2: must be 1",
  ],
];

/** The container's members, and why its Pod cannot be read at all. */
const unreadableContainers: readonly Row[] = [
  [
    '{"ports":[{"containerPort":"80"}]}',
    "json: cannot unmarshal string into Go struct field " +
      "ContainerPort.spec.containers.ports.containerPort of type int32",
  ],
  [
    '{"env":[{"name":"A","value":1}]}',
    "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string",
  ],
  [
    '{"env":{"A":"1"}}',
    "json: cannot unmarshal object into Go struct field Container.spec.containers.env of type []v1.EnvVar",
  ],
  [
    '{"command":"sh"}',
    "json: cannot unmarshal string into Go struct field Container.spec.containers.command of type []string",
  ],
  [
    '{"stdin":"true"}',
    "json: cannot unmarshal string into Go struct field Container.spec.containers.stdin of type bool",
  ],
  [
    '{"resources":[]}',
    "json: cannot unmarshal array into Go struct field Container.spec.containers.resources of type " +
      "v1.ResourceRequirements",
  ],
  ['{"resources":{"limits":{"cpu":"lots"}}}', number],
  ['{"resources":{"limits":{"memory":"1MiB"}}}', number],
  ['{"resources":{"limits":{"memory":"1ki"}}}', "unable to parse quantity's suffix"],
  [
    '{"comand":["x"],"stdin":1}',
    "json: cannot unmarshal number into Go struct field Container.spec.containers.stdin of type bool",
  ],
  ['{"comand":["x"]}', 'strict decoding error: unknown field "spec.containers[0].comand"'],
  [
    '{"livenessProbe":{"httpGet":{"port":true}}}',
    "json: cannot unmarshal bool into Go struct field " +
      "HTTPGetAction.spec.containers.livenessProbe.httpGet.port of type int32",
  ],
];

/** A Deployment's spec, and what is said of it. */
const deployments: readonly (readonly [spec: Manifest, said: string])[] = [
  [
    { template },
    `[spec.selector: Required value, spec.template.metadata.labels: Invalid value: {"app":"a"}: ${unmatched}]`,
  ],
  [
    { selector: { matchLabels: { app: "b" } }, template },
    `spec.template.metadata.labels: Invalid value: {"app":"a"}: ${unmatched}`,
  ],
  [
    { selector },
    `[spec.template.metadata.labels: Invalid value: null: ${unmatched}, ` +
      "spec.template.spec.containers: Required value]",
  ],
  [{ selector: {}, template }, "spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
  [
    { selector, template, replicas: -1 },
    "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
  ],
  [
    { selector, template, strategy: { type: "Foo" } },
    'spec.strategy: Unsupported value: {"Type":"Foo","RollingUpdate":null}: ' +
      'supported values: "Recreate", "RollingUpdate"',
  ],
  [
    { selector, template, strategy: { type: "Recreate", rollingUpdate: {} } },
    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
  ],
  [
    { selector, template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } },
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    { selector: { matchExpressions: [{ key: "a", operator: "Is", values: ["b"] }] }, template },
    '[spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator, ' +
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"Is","values":["b"]}]}: ' +
      "invalid label selector]",
  ],
];

/** Other kinds: path, kind, what is in it besides its name, and all that is said. */
const others: readonly (readonly [path: string, kind: string, body: Manifest, said: string])[] = [
  [
    "api/v1 services",
    "Service",
    { spec: { selector: labels } },
    'Service "x" is invalid: spec.ports: Required value',
  ],
  [
    "api/v1 services",
    "Service",
    { spec: { ports: [{ port: 80 }, { port: 81 }] } },
    'Service "x" is invalid: [spec.ports[0].name: Required value, spec.ports[1].name: Required value]',
  ],
  [
    "api/v1 services",
    "Service",
    { spec: { type: "Foo", ports: [{ port: 80 }] } },
    'Service "x" is invalid: spec.type: Unsupported value: "Foo": supported values: "ClusterIP", ' +
      '"ExternalName", "LoadBalancer", "NodePort"',
  ],
  [
    "api/v1 services",
    "Service",
    { spec: { type: "NodePort", ports: [{ port: 80, nodePort: 80 }] } },
    'Service "x" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid ' +
      "range. The range of valid ports is 30000-32767",
  ],
  [
    "api/v1 configmaps",
    "ConfigMap",
    { data: { a: 1 } },
    unreadable(
      "ConfigMap",
      "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
    ),
  ],
  [
    "api/v1 configmaps",
    "ConfigMap",
    { data: [] },
    unreadable(
      "ConfigMap",
      "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string",
    ),
  ],
  [
    "api/v1 configmaps",
    "ConfigMap",
    { metadata: { labels: { a: 1 } } },
    unreadable(
      "ConfigMap",
      "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
    ),
  ],
  [
    "api/v1 secrets",
    "Secret",
    { data: { a: "a secret" } },
    unreadable("Secret", "illegal base64 data at input byte 1"),
  ],
  [
    "api/v1 secrets",
    "Secret",
    { data: { a: "YWJj\nZ" } },
    unreadable("Secret", "illegal base64 data at input byte 5"),
  ],
  [
    "api/v1 secrets",
    "Secret",
    { data: { a: "YQ=" } },
    unreadable("Secret", "illegal base64 data at input byte 3"),
  ],
  [
    "api/v1 secrets",
    "Secret",
    { data: { a: "YQ==YQ==" } },
    unreadable("Secret", "illegal base64 data at input byte 4"),
  ],
  [
    "api/v1 secrets",
    "Secret",
    { type: "kubernetes.io/tls", data: {} },
    'Secret "x" is invalid: [data[tls.crt]: Required value, data[tls.key]: Required value]',
  ],
  [
    "apis/batch/v1 jobs",
    "Job",
    { spec: { template } },
    'Job.batch "x" is invalid: spec.template.spec.restartPolicy: Required value: ' +
      'valid values: "OnFailure", "Never"',
  ],
  [
    "apis/batch/v1 cronjobs",
    "CronJob",
    { spec: { schedule: "* * *", jobTemplate: { spec: { template: runOnce } } } },
    'CronJob.batch "x" is invalid: spec.schedule: Invalid value: "* * *": expected exactly 5 fields, ' +
      "found 3: [* * *]",
  ],
  [
    "api/v1 persistentvolumeclaims",
    "PersistentVolumeClaim",
    { spec: { accessModes: ["RWO"], resources: { requests: { storage: "1Gi" } } } },
    'PersistentVolumeClaim "x" is invalid: spec.accessModes: Unsupported value: "RWO": supported values: ' +
      '"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
  ],
  [
    "apis/policy/v1 poddisruptionbudgets",
    "PodDisruptionBudget",
    { spec: { minAvailable: 1, maxUnavailable: 1, selector } },
    'PodDisruptionBudget.policy "x" is invalid: spec: Invalid value: {"MinAvailable":1,"Selector":' +
      '{"matchLabels":{"app":"a"}},"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: ' +
      "minAvailable and maxUnavailable cannot be both set",
  ],
  [
    "apis/rbac.authorization.k8s.io/v1 roles",
    "Role",
    { rules: [{ apiGroups: [""], resources: ["pods"] }] },
    'Role.rbac.authorization.k8s.io "x" is invalid: rules[0].verbs: Required value: ' +
      "verbs must contain at least one value",
  ],
  [
    "api/v1 configmaps",
    "ConfigMap",
    { metadata: { finalizers: ["mine"] } },
    'ConfigMap "x" is invalid: metadata.finalizers[0]: Invalid value: "mine": name is neither a standard ' +
      "finalizer name nor is it fully qualified",
  ],
];

describe("a mistake in a manifest", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  before(async () => {
    world = await new ApiWorld().start();
  });
  after(() => world[Symbol.asyncDispose]());

  /** What is said of a manifest, as kubectl sends it. */
  const said = async (at: string, kind: string, body: Manifest): Promise<string> => {
    const [base = "", plural = ""] = at.split(" ");
    const apiVersion = base.replace(/^apis?\//, "");
    const metadata = { name: "x", ...(body["metadata"] as object | undefined) };
    const { json } = await world.send(`/${base}/namespaces/default/${plural}?fieldValidation=Strict`, {
      method: "POST",
      body: JSON.stringify({ apiVersion, kind, ...body, metadata }),
    });
    assert.equal(json.kind, "Status", JSON.stringify(json));
    if (json.reason === "Invalid") {
      const causes = json.details.causes as { field: string; message: string }[];
      const texts = causes.map(({ field, message }) => `${field}: ${message}`);
      assert.ok(json.message.endsWith(texts.length > 1 ? `[${texts.join(", ")}]` : ` ${texts[0]}`));
    } else assert.deepEqual([json.reason, json.code], ["BadRequest", 400]);
    return json.message;
  };
  const pod = async (members: string): Promise<string> => {
    const spec = { containers: [{ ...container, ...(JSON.parse(members) as object) }] };
    return await said("api/v1 pods", "Pod", { spec });
  };

  const typed: readonly (readonly [name: string, metadata: string, spec: string, said: string])[] = [
    [
      "Server side field validation, typed object",
      '"name":"my-dep"',
      '"unknownField":"foo","replicas":2,"replicas":3,',
      'unknown field "spec.unknownField", duplicate field "spec.replicas"',
    ],
    [
      "Server side field validation, typed unknown metadata",
      '"name":"my-dep","unknownMeta":"foo"',
      "",
      'unknown field "metadata.unknownMeta"',
    ],
  ];
  for (const [name, metadata, spec, text] of typed) {
    it(name, async () => {
      const rest = `"selector":${JSON.stringify(selector)},"template":${JSON.stringify(template)}`;
      const { status, json } = await world.send(
        "/apis/apps/v1/namespaces/default/deployments?fieldManager=test&fieldValidation=Strict",
        {
          method: "POST",
          body: `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{${metadata}},"spec":{${spec}${rest}}}`,
        },
      );
      assert.equal(status, 400);
      assert.equal(json.message, unreadable("Deployment", `strict decoding error: ${text}`));
    });
  }

  for (const [members, text] of containers) {
    it(`in a container: ${members}`, async () => {
      assert.equal(await pod(members), `Pod "x" is invalid: spec.containers[0]${text}`);
    });
  }
  for (const [members, text] of unreadableContainers) {
    it(`of type or name in a container: ${members}`, async () => {
      assert.equal(await pod(members), unreadable("Pod", text));
    });
  }
  for (const [spec, text] of deployments) {
    it(`in a Deployment: ${text}`, async () => {
      const message = await said("apis/apps/v1 deployments", "Deployment", { spec });
      assert.equal(message, `Deployment.apps "x" is invalid: ${text}`);
    });
  }
  for (const [at, kind, body, text] of others) {
    it(`elsewhere: ${text}`, async () => {
      assert.equal(await said(at, kind, body), text);
    });
  }

  it("in what is asked for: a field that is not offered, a patch that does not fit, a path", async () => {
    const maps = "/api/v1/namespaces/default/configmaps";
    const unknown = await world.send(`${maps}?fieldSelector=spec.x%3D1`);
    const known = 'only "metadata.name", "metadata.namespace"';
    assert.equal(unknown.json.message, `"spec.x" is not a known field selector: ${known}`);
    const body = JSON.stringify({ metadata: { name: "patched" } });
    await world.send(maps, { method: "POST", body });
    const headers = { "content-type": "application/json-patch+json" };
    const patch = '[{"op":"test","path":"/data","value":1}]';
    const unfit = await world.send(`${maps}/patched`, { method: "PATCH", headers, body: patch });
    assert.deepEqual([unfit.status, unfit.json.reason], [422, "Invalid"]);
    assert.match(unfit.json.message, /^the server rejected our request due to an error in our request: /);
    const { details } = (await world.send(`${maps}/patched`, { method: "DELETE" })).json;
    assert.deepEqual(Object.keys(details).sort(), ["kind", "name", "uid"]);
    const { paths } = (await world.send("/")).json;
    for (const path of ["/api/v1", "/apis/apps/v1", "/openapi/v3", "/readyz"])
      assert.ok(paths.includes(path));
    assert.match((await world.send("/readyz?verbose", { token: "" })).text, /store ok\nreadyz check passed/);
  });

  it("in a number: what is not kept to the last digit is told", async () => {
    const gadgets = "/apis/lab.example/v1/namespaces/default/gadgets";
    const large = (size: string): string =>
      `{"apiVersion":"lab.example/v1","kind":"Gadget","metadata":{"name":"large"},"spec":{"size":${size}}}`;
    const warned =
      '299 - "9007199254740993 is kept as 9007199254740992: write integers beyond 2^53 as texts"';
    const made = await world.send(gadgets, { method: "POST", body: large("9007199254740993") });
    assert.deepEqual([made.status, made.headers.warning], [201, warned]);
    const headers = { "content-type": "application/apply-patch+yaml" };
    const path = `${gadgets}/large?fieldManager=a&force=true`;
    const applied = await world.send(path, { method: "PATCH", headers, body: large("9007199254740993") });
    assert.deepEqual([applied.status, applied.headers.warning], [200, warned]);
    const held = await world.send(path, { method: "PATCH", headers, body: large("9007199254740992") });
    assert.deepEqual([held.status, held.headers.warning], [200, undefined]);
  });
});
