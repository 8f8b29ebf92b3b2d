/** What a user may say of a Pod and its containers, and what the node is told of it: a row a field. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import type { Container, Pod, PodSpec, Secret, Volume } from "@selvedge/kinds";
import { one, pod, render } from "../../test/render-one.ts";

type Json = Readonly<Record<string, unknown>>;

/** As protobuf's JSON has it, where what is 0, "" or false is not there. */
function told(spec: Partial<PodSpec>, metadata: Partial<Pod["metadata"]> = {}): Json {
  const { faults, extension } = render([pod(spec, metadata)]);
  assert.deepEqual(faults, []);
  return toJson(ext.AppExtensionSchema, extension) as Json;
}

function toldOf(container: Partial<Container>, more: Partial<PodSpec> = {}): Json {
  const [first = {}] = told({ ...one(container), ...more })["containers"] as Json[];
  return first;
}

function pick(from: Json, like: Json): Json {
  return Object.fromEntries(Object.keys(like).map((key) => [key, from[key]]));
}

describe("a field of a Pod", () => {
  const rows: readonly (readonly [string, Partial<PodSpec>, Json, Partial<Pod["metadata"]>?])[] = [
    ["hostname", { hostname: "shop" }, { hostname: "shop" }],
    ["hostname, from its name", {}, { hostname: "web-1" }],
    ["hostname, cut where a name ends", {}, { hostname: "a".repeat(62) }, { name: `${"a".repeat(62)}.b` }],
    ["subdomain", { subdomain: "db" }, { domain: "db.shop.svc.cluster.local" }],
    ["shareProcessNamespace", { shareProcessNamespace: true }, { shareProcesses: true }],
    ["setHostnameAsFQDN", { setHostnameAsFQDN: true }, { wholeHostname: true }],
    [
      "hostAliases",
      { hostAliases: [{ ip: "10.0.0.9", hostnames: ["a", "b"] }] },
      { hostAliases: [{ address: "10.0.0.9", names: ["a", "b"] }] },
    ],
    [
      "dnsConfig",
      {
        dnsPolicy: "None",
        dnsConfig: {
          ...{ nameservers: ["9.9.9.9"], searches: ["shop.example"] },
          options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
        },
      },
      {
        dns: {
          ...{ servers: ["9.9.9.9"], searches: ["shop.example"] },
          ...{ options: ["ndots:2", "edns0"], alone: true },
        },
      },
    ],
    ["restartPolicy Always", {}, { restartPolicy: "RESTART_POLICY_ALWAYS" }],
    ["restartPolicy Never", { restartPolicy: "Never" }, { restartPolicy: "RESTART_POLICY_NEVER" }],
    [
      "restartPolicy OnFailure",
      { restartPolicy: "OnFailure" },
      { restartPolicy: "RESTART_POLICY_ON_FAILURE" },
    ],
    ["terminationGracePeriodSeconds", { terminationGracePeriodSeconds: 7 }, { terminationGraceSeconds: 7 }],
    ["terminationGracePeriodSeconds, unsaid", {}, { terminationGraceSeconds: 30 }],
    ["activeDeadlineSeconds", { activeDeadlineSeconds: 60 }, { activeDeadlineSeconds: "60" }],
    ["runtimeClassName", { runtimeClassName: "microvm" }, { isolation: "ISOLATION_MICROVM" }],
    ["runtimeClassName, unsaid", {}, { isolation: "ISOLATION_MICROVM" }],
    ["serviceAccountName", { serviceAccountName: "till" }, { serviceAccount: "till" }],
    ["serviceAccountName, unsaid", {}, { serviceAccount: "default" }],
    [
      "sysctls",
      { securityContext: { sysctls: [{ name: "net.core.somaxconn", value: "99" }] } },
      { kernelParameters: [{ name: "net.core.somaxconn", value: "99" }] },
    ],
    ["fsGroup", { securityContext: { fsGroup: 7 } }, { fsGroup: "7", fsGroupAlways: true }],
    [
      "fsGroupChangePolicy",
      { securityContext: { fsGroup: 7, fsGroupChangePolicy: "OnRootMismatch" } },
      { fsGroup: "7", fsGroupAlways: undefined },
    ],
    [
      "the annotation that refuses emulation",
      {},
      { emulation: "EMULATION_POLICY_REFUSE" },
      { annotations: { "selvedge.dev/emulation": "refuse" } },
    ],
    ["labels", {}, { labels: { a: "1" } }, { labels: { a: "1" } }],
    ["annotations", {}, { annotations: { b: "2" } }, { annotations: { b: "2" } }],
  ];
  for (const [name, spec, expected, metadata] of rows)
    it(`is told: ${name}`, () => assert.deepEqual(pick(told(spec, metadata), expected), expected));
});

describe("a field of a container", () => {
  const probe = { grpc: { port: 50, service: "health" }, initialDelaySeconds: 3, periodSeconds: 4 };
  const rows: readonly (readonly [string, Partial<Container>, Json, Partial<PodSpec>?])[] = [
    ["workingDir", { workingDir: "/srv" }, { workingDir: "/srv" }],
    ["tty and stdin", { tty: true, stdin: true }, { tty: true, stdin: true }],
    ["stdinOnce", { stdin: true, stdinOnce: true }, { stdin: true, stdinOnce: true }],
    [
      "imagePullPolicy Always",
      { imagePullPolicy: "Always" },
      { imagePullPolicy: "IMAGE_PULL_POLICY_ALWAYS" },
    ],
    ["imagePullPolicy Never", { imagePullPolicy: "Never" }, { imagePullPolicy: "IMAGE_PULL_POLICY_NEVER" }],
    [
      "terminationMessage",
      { terminationMessagePath: "/why", terminationMessagePolicy: "FallbackToLogsOnError" },
      { terminationMessagePath: "/why", outputIsMessage: true },
    ],
    ["stopSignal", { lifecycle: { stopSignal: "SIGINT" } }, { stopSignal: "SIGINT" }],
    [
      "ports",
      { ports: [{ name: "dns", containerPort: 53, protocol: "UDP", hostPort: 5353 }] },
      { ports: [{ name: "dns", containerPort: 53, protocol: "UDP", hostPort: 5353 }] },
    ],
    [
      "resources",
      {
        resources: {
          requests: { cpu: "250m", memory: "1Mi" },
          limits: { cpu: "1", memory: "2Mi", "ephemeral-storage": "3Mi" },
        },
      },
      {
        resources: {
          ...{ cpuRequestMillis: "250", cpuLimitMillis: "1000", memoryRequestBytes: `${2 ** 20}` },
          ...{ memoryLimitBytes: `${2 * 2 ** 20}`, ephemeralStorageLimitBytes: `${3 * 2 ** 20}` },
        },
      },
    ],
    [
      "a probe by gRPC, with its times",
      {
        livenessProbe: { ...probe, timeoutSeconds: 5, failureThreshold: 6, terminationGracePeriodSeconds: 7 },
      },
      {
        liveness: {
          action: { grpc: { port: 50, service: "health" } },
          ...{ initialDelaySeconds: 3, periodSeconds: 4, timeoutSeconds: 5, successThreshold: 1 },
          ...{ failureThreshold: 6, terminationGraceSeconds: 7 },
        },
      },
    ],
    [
      "a probe by HTTP, with its headers",
      {
        ports: [{ name: "web", containerPort: 8080 }],
        readinessProbe: {
          httpGet: {
            port: "web",
            path: "/up",
            scheme: "HTTPS",
            host: "h",
            httpHeaders: [{ name: "A", value: "b" }],
          },
        },
      },
      {
        readiness: {
          action: {
            httpGet: {
              path: "/up",
              port: 8080,
              scheme: "HTTPS",
              host: "h",
              headers: [{ name: "A", value: "b" }],
            },
          },
          ...{ periodSeconds: 10, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 },
        },
      },
    ],
    [
      "postStart",
      { lifecycle: { postStart: { exec: { command: ["a"] } } } },
      { postStart: { exec: { command: ["a"] } } },
    ],
    [
      "preStop that sleeps",
      { lifecycle: { preStop: { sleep: { seconds: 2 } } } },
      { preStop: { sleepSeconds: 2 } },
    ],
    [
      "securityContext",
      {
        securityContext: {
          ...{
            runAsUser: 5,
            runAsGroup: 6,
            readOnlyRootFilesystem: true,
            runAsNonRoot: true,
          },
          ...{ allowPrivilegeEscalation: false, capabilities: { add: ["NET_ADMIN"], drop: ["CHOWN"] } },
        },
      },
      {
        securityContext: {
          ...{ runAsUser: "5", runAsGroup: "6", readOnlyRootFilesystem: true },
          // By Linux' numbers.
          ...{ addedCapabilities: [12], droppedCapabilities: [0] },
          ...{ noNewPrivileges: true, runAsNonRoot: true },
        },
      },
    ],
    [
      "securityContext of its Pod, where it has none of its own",
      { securityContext: { runAsUser: 5 } },
      {
        securityContext: {
          ...{ runAsUser: "5", runAsGroup: "9", supplementalGroups: ["3", "4"] },
          ...{ onlyTheseGroups: true, runAsNonRoot: true },
        },
      },
      {
        securityContext: {
          ...{ runAsUser: 8, runAsGroup: 9, supplementalGroups: [3, 4], fsGroup: 4 },
          ...{ supplementalGroupsPolicy: "Strict", runAsNonRoot: true },
        },
      },
    ],
    [
      "volumeMounts, under a path of its variables",
      {
        env: [{ name: "TILL", value: "7" }],
        volumeMounts: [{ name: "v", mountPath: "/data", subPathExpr: "till-$(TILL)", readOnly: true }],
      },
      { volumeMounts: [{ volume: "v", mountPath: "/data", subPath: "till-7", readOnly: true }] },
      { volumes: [{ name: "v", emptyDir: {} }] },
    ],
  ];
  for (const [name, container, expected, spec] of rows)
    it(`is told: ${name}`, () => assert.deepEqual(pick(toldOf(container, spec), expected), expected));
});

describe("what a Pod says of itself in a file", () => {
  const items = (...paths: string[]): Volume => ({
    name: "v",
    downwardAPI: { items: paths.map((fieldPath, at) => ({ path: `${at}`, fieldRef: { fieldPath } })) },
  });
  const texts = (volume: Volume): string[] => {
    const metadata = { labels: { a: "1" }, annotations: { b: "2" } };
    const spec = {
      ...one({ resources: { limits: { memory: "3Mi" } } }),
      volumes: [volume],
      serviceAccountName: "till",
    };
    const { extension } = render([pod(spec, metadata)]);
    const source = extension.volumes[0]?.source;
    return source?.case === "files"
      ? source.value.files.map(({ content }) => Buffer.from(content).toString())
      : [];
  };

  it("is every field that there is of it", () => {
    assert.deepEqual(
      texts(
        items(
          ...["metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels['a']"],
          ...[
            "metadata.annotations['b']",
            "metadata.annotations",
            "spec.nodeName",
            "spec.serviceAccountName",
          ],
        ),
      ),
      ["web-1", "shop", "11111111-0000-4000-8000-000000000000", "1", "2", 'b="2"', "box", "till"],
    );
  });

  it("is what a container of it may use", () => {
    const resourceFieldRef = { containerName: "web", resource: "limits.memory", divisor: "1Mi" };
    assert.deepEqual(texts({ name: "v", downwardAPI: { items: [{ path: "m", resourceFieldRef }] } }), ["3"]);
  });
});

describe("a Pod that cannot be told as it is", () => {
  const volume = (of: Omit<Volume, "name">): Partial<PodSpec> => ({ volumes: [{ name: "v", ...of }] });
  const field = (fieldPath: string): Partial<PodSpec> =>
    volume({ downwardAPI: { items: [{ path: "p", fieldRef: { fieldPath } }] } });
  const amount = (containerName: string, resource: string): Partial<PodSpec> =>
    volume({ downwardAPI: { items: [{ path: "p", resourceFieldRef: { containerName, resource } }] } });
  const rows: readonly (readonly [Partial<PodSpec>, string])[] = [
    [field("status.podIP"), "fieldPath status.podIP cannot be used in a volume"],
    [field("spec.anything"), "unsupported fieldPath: spec.anything"],
    [amount("none", "limits.cpu"), "container none not found"],
    [amount("web", "cpu"), "unsupported container resource: cpu"],
    [volume({ secret: { secretName: "absent" } }), 'secret "absent" not found'],
    [
      volume({ secret: { secretName: "login", items: [{ key: "none", path: "p" }] } }),
      'secret "login" references non-existent key: none',
    ],
    [
      volume({ persistentVolumeClaim: { claimName: "data" } }),
      'persistentvolumeclaim "data" has no volume on this node yet',
    ],
  ];
  const unable: typeof rows = [
    [
      one({ ports: [{ containerPort: 53, hostPort: 5353, hostIP: "10.0.0.1" }] }),
      'no port of node box has the address 10.0.0.1, a hostIP of container "web"',
    ],
    [
      one({ securityContext: { privileged: true } }),
      "spec.containers[0].securityContext.privileged: not supported by Selvedge: " +
        "a container never reaches the box; it may be root in its virtual machine",
    ],
    [
      { runtimeClassName: "container" },
      "spec.runtimeClassName: not supported by Selvedge: " +
        "each Pod has its own virtual machine; say microvm or leave it out",
    ],
  ];
  for (const [spec, message] of [...rows, ...unable]) {
    it(`says: ${message}`, () => {
      const { faults } = render([pod(spec)]);
      assert.deepEqual(
        faults.map(({ message: said }) => said),
        [message],
      );
    });
  }

  for (const [name, key, valid] of [
    ["as it was once written", ".dockercfg", true],
    ["that is no JSON", ".dockerconfigjson", false],
  ] as const) {
    it(`takes or refuses a secret for images ${name}`, () => {
      const text = valid ? JSON.stringify({ "reg.example:5000": { username: "bob", password: "p" } }) : "{";
      const secret = (): Secret => ({
        ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "pull", namespace: "shop" } },
        data: { [key]: Buffer.from(text).toString("base64") },
      });
      const spec = { ...one({ image: "reg.example:5000/app" }), imagePullSecrets: [{ name: "pull" }] };
      const { faults, config } = render([pod(spec)], { secret });
      if (valid) assert.ok(config.datastores[0]?.cipherData !== undefined);
      else
        assert.deepEqual(
          faults.map(({ message }) => message),
          ["an image pull secret is not valid JSON"],
        );
    });
  }
});
