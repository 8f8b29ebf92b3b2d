import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../../test/admit.ts";
import { container, errorsOf, withContainer, withSpec, withVolume } from "../../test/pod-specs.ts";
import { podKind } from "./pod.ts";

const duplicatePort = {
  containers: [
    { ...container, ports: [{ containerPort: 80, hostPort: 8080 }] },
    { name: "b", image: "b:1", ports: [{ containerPort: 81, hostPort: 8080 }] },
  ],
};

const userOf = "spec.securityContext.windowsOptions.runAsUserName";
const userRows = (
  [
    ["", "runAsUserName cannot be an empty string"],
    ["a\u0001b", "runAsUserName cannot contain control characters"],
    ["a\\b\\c", "runAsUserName cannot contain more than one backslash"],
    ["\\x", "runAsUserName's Domain doesn't match the NetBios nor the DNS format"],
    ["a\\", "runAsUserName's User cannot be empty"],
    ["x".repeat(105), "runAsUserName's User length must not be longer than 104 characters"],
    ["a\\...", "runAsUserName's User cannot contain only periods or spaces"],
    ["a/b", "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"],
  ] as const
).map(
  ([runAsUserName, why]) =>
    [
      `is of a Windows user that cannot be: ${runAsUserName}`,
      withSpec({ securityContext: { windowsOptions: { runAsUserName } } }),
      `${userOf}: Invalid value: ${JSON.stringify(runAsUserName)}: ${why}`,
    ] as const,
);

describe("a Pod that cannot be", () => {
  const rows: readonly (readonly [what: string, spec: unknown, ...errors: string[]])[] = [
    ["is empty", {}, "spec.containers: Required value"],
    [
      "has a container without name and image",
      { containers: [{}] },
      "spec.containers[0].name: Required value",
      "spec.containers[0].image: Required value",
    ],
    [
      "has a name that is none",
      withContainer({ name: "Web" }),
      'spec.containers[0].name: Invalid value: "Web": a lowercase RFC 1123 label must consist of lower case ' +
        "alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or " +
        "'123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ],
    [
      "has an image that is none",
      withContainer({ image: "Nginx:1" }),
      'spec.containers[0].image: Invalid value: "Nginx:1": must be the name of an image: "Nginx" is not a ' +
        "repository name: lower-case letters, digits, '.', '_', '-', '/'",
    ],
    [
      "has a name twice",
      { containers: [container, container] },
      'spec.containers[1].name: Duplicate value: "web"',
    ],
    [
      "is of a system that is none",
      withSpec({ os: { name: "bsd" } }),
      'spec.os: Unsupported value: "bsd": supported values: "linux", "windows"',
    ],
    [
      "shares its processes and has the box's",
      withSpec({ hostPID: true, shareProcessNamespace: true }),
      "spec.securityContext.shareProcessNamespace: Invalid value: true: " +
        "ShareProcessNamespace and HostPID cannot both be enabled",
    ],
    ["is of a system without a name", withSpec({ os: {} }), "spec.os.name: Required value"],
    [
      "is of Windows and says what is not for it",
      withSpec({
        ...{ os: { name: "windows" }, hostUsers: false, hostPID: false, shareProcessNamespace: false },
        securityContext: { runAsUser: 1, sysctls: [], supplementalGroups: [] },
        containers: [{ ...container, securityContext: { privileged: false, procMount: "Default" } }],
        initContainers: [{ name: "i", image: "i", securityContext: { capabilities: {} } }],
      }),
      "spec.hostUsers: Forbidden: cannot be set for a windows pod",
      "spec.shareProcessNamespace: Forbidden: cannot be set for a windows pod",
      "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
      "spec.securityContext.supplementalGroups: Forbidden: cannot be set for a windows pod",
      "spec.initContainers[0].securityContext.capabilities: Forbidden: cannot be set for a windows pod",
      "spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod",
      "spec.containers[0].securityContext.procMount: Forbidden: cannot be set for a windows pod",
    ],
    [
      "is of Linux and says what is for Windows",
      withSpec({ os: { name: "linux" }, securityContext: { windowsOptions: {} } }),
      "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
    ],
    ...userRows,
    [
      "has a process of the host's that another container does not have",
      withSpec({
        containers: [{ ...container, securityContext: { windowsOptions: { hostProcess: true } } }],
        initContainers: [{ name: "i", image: "i" }],
      }),
      'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be ' +
        "HostProcess containers",
      "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
    ],
    [
      "has a process of the host's and says it has none",
      withSpec({
        ...{ hostNetwork: true, securityContext: { windowsOptions: { hostProcess: false } } },
        containers: [{ ...container, securityContext: { windowsOptions: { hostProcess: true } } }],
      }),
      "spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: true: pod hostProcess value " +
        "must be identical if both are specified, was false",
    ],
    [
      "shows /proc in a way that is none",
      withContainer({ securityContext: { procMount: "" } }),
      'spec.containers[0].securityContext.procMount: Unsupported value: "": supported values: "Default", "Unmasked"',
    ],
    [
      "shows all of /proc to the box's users",
      withContainer({ securityContext: { procMount: "Unmasked" } }),
      'spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use ' +
        "`Unmasked`",
    ],
    [
      "may gain no rights and has them all",
      withContainer({
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { add: ["CAP_SYS_ADMIN", "SYS_ADMIN"] },
        },
      }),
      'spec.containers[0].securityContext: Invalid value: {"allowPrivilegeEscalation":false,"capabilities":{"add":' +
        '["CAP_SYS_ADMIN","SYS_ADMIN"]}}: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` ' +
        "CAP_SYS_ADMIN",
    ],
    [
      "has an init container's name twice",
      withSpec({ initContainers: [container] }),
      'spec.initContainers[0].name: Duplicate value: "web"',
    ],
    [
      "opens a port of the box twice",
      duplicatePort,
      'spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//8080"',
    ],
    [
      "has a port that is none",
      withContainer({ ports: [{ containerPort: 70000, name: "UPPER" }] }),
      'spec.containers[0].ports[0].name: Invalid value: "UPPER": must contain only alpha-numeric characters (a-z, ' +
        "0-9), and hyphens (-)",
      'spec.containers[0].ports[0].name: Invalid value: "UPPER": must contain at least one letter (a-z)',
      "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
    ],
    [
      "has a protocol that is none",
      withContainer({ ports: [{ containerPort: 80, protocol: "HTTP" }] }),
      'spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      "mounts what is not there, twice at one place",
      withContainer({
        volumeMounts: [
          { name: "x", mountPath: "/a" },
          { name: "x", mountPath: "/a" },
        ],
      }),
      'spec.containers[0].volumeMounts[0].name: Not found: "x"',
      'spec.containers[0].volumeMounts[1].name: Not found: "x"',
      'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
    ],
    [
      "mounts at no place",
      withSpec({
        volumes: [{ name: "v" }],
        containers: [{ ...container, volumeMounts: [{ name: "v", mountPath: "a:b" }] }],
      }),
      'spec.containers[0].volumeMounts[0].mountPath: Invalid value: "a:b": must be an absolute path',
    ],
    [
      "takes a variable from nowhere",
      withContainer({ env: [{ name: "A", valueFrom: {} }] }),
      'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, ' +
        "`configMapKeyRef` or `secretKeyRef`",
    ],
    [
      "takes a variable from two places",
      withContainer({
        env: [
          {
            name: "A",
            valueFrom: { configMapKeyRef: { name: "a", key: "k" }, secretKeyRef: { name: "a", key: "k" } },
          },
        ],
      }),
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time',
    ],
    [
      "has a variable with a value and a source",
      withContainer({
        env: [{ name: "A", value: "1", valueFrom: { secretKeyRef: { name: "a", key: "k" } } }],
      }),
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
    [
      "asks for a field nobody has",
      withContainer({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.color" } } }] }),
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.color": error converting ' +
        "fieldPath: field label not supported: spec.color",
    ],
    [
      "requests more than its limit",
      withContainer({ resources: { limits: { memory: "64Mi" }, requests: { memory: "1Gi" } } }),
      'spec.containers[0].resources.requests: Invalid value: "1Gi": must be less than or equal to memory limit of 64Mi',
    ],
    [
      "wants less than a virtual machine needs",
      withContainer({ resources: { limits: { memory: "1Mi" } } }),
      'spec.containers[0].resources.limits[memory]: Invalid value: "1Mi": must be at least 16Mi: a virtual machine ' +
        "does not start with less",
    ],
    [
      "wants more than any box has",
      withContainer({ resources: { limits: { cpu: "2k" } } }),
      'spec.containers[0].resources.limits[cpu]: Invalid value: "2k": must be no more than 1024: no box has so many ' +
        "processors",
      'spec.containers[0].resources.requests[cpu]: Invalid value: "2k": must be no more than 1024: no box has so ' +
        "many processors",
    ],
    [
      "wants what nobody calls so",
      withContainer({ resources: { limits: { mem: "1Gi" } } }),
      ...["limits", "requests"].flatMap((list) =>
        [
          "must be a standard resource type or fully qualified",
          "must be a standard resource for containers",
        ].map((detail) => `spec.containers[0].resources.${list}[mem]: Invalid value: "mem": ${detail}`),
      ),
    ],
    [
      "is spread twice over the same, and in other ways that are none",
      withSpec({
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway", minDomains: 2 },
          { maxSkew: 2, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway", nodeTaintsPolicy: "Ask" },
          { maxSkew: 1, topologyKey: "rack", whenUnsatisfiable: "DoNotSchedule", matchLabelKeys: ["app"] },
        ],
      }),
      "spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if " +
        "whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
      'spec.topologySpreadConstraints[1].nodeTaintsPolicy: Unsupported value: "Ask": supported values: "Honor", ' +
        '"Ignore"',
      "spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}: Duplicate value: " +
        '"{zone, ScheduleAnyway}"',
      "spec.topologySpreadConstraints[2].matchLabelKeys: Forbidden: must not be specified when " +
        "labelSelector is not set",
    ],
    [
      "wants an amount that is none",
      withContainer({ resources: { requests: { cpu: "lots" } } }),
      'spec.containers[0].resources.requests.cpu: Invalid value: "lots": quantities must match the regular ' +
        "expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      "has a probe that does nothing",
      withContainer({ livenessProbe: {} }),
      "spec.containers[0].livenessProbe: Required value: must specify a handler type",
    ],
    [
      "has a probe that does two things",
      withContainer({ readinessProbe: { exec: { command: ["true"] }, tcpSocket: { port: 80 } } }),
      "spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
    ],
    [
      "has a probe of a port that has no such name",
      withContainer({ readinessProbe: { httpGet: { port: "http" } } }),
      'spec.containers[0].readinessProbe.httpGet.port: Invalid value: "http": must be a number or the name of one of ' +
        "the container's ports",
    ],
    [
      "has a liveness probe that must succeed twice",
      withContainer({ livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }),
      "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
    ],
    [
      "sleeps longer than its grace",
      withContainer({ lifecycle: { preStop: { sleep: { seconds: 60 } } } }),
      "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 60: must be non-negative and less than " +
        "terminationGracePeriodSeconds (30)",
    ],
    [
      "probes an init container",
      withSpec({ initContainers: [{ name: "i", image: "i:1", livenessProbe: { tcpSocket: { port: 1 } } }] }),
      "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without " +
        "restartPolicy=Always",
    ],
    [
      "has a volume's name twice",
      withSpec({ volumes: [{ name: "v" }, { name: "v" }] }),
      'spec.volumes[1].name: Duplicate value: "v"',
    ],
    [
      "has a volume from two sources",
      withVolume({ emptyDir: {}, configMap: { name: "a" } }),
      "spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type",
    ],
    [
      "has a Secret without a name",
      withVolume({ secret: {} }),
      "spec.volumes[0].secret.secretName: Required value",
    ],
    [
      "writes outside of its volume",
      withVolume({ configMap: { name: "a", items: [{ key: "k", path: "../k", mode: 0o1000 }] } }),
      "spec.volumes[0].configMap.items[0].path: Invalid value: \"../k\": must not contain '..'",
      "spec.volumes[0].configMap.items[0].mode: Invalid value: 512: must be a number between 0 and 0777 (octal), " +
        "both inclusive",
    ],
    [
      "restarts sometimes",
      withSpec({ restartPolicy: "Sometimes" }),
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      "tolerates everything by half",
      withSpec({ tolerations: [{ operator: "Equal" }] }),
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which ' +
        'means "match all values and all keys"',
    ],
    [
      "wants a node of no kind",
      withSpec({
        affinity: {
          nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
        },
      }),
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: " +
        "must have at least one node selector term",
    ],
    [
      "asks for a resolver that is none",
      withSpec({ dnsPolicy: "None", dnsConfig: { nameservers: ["up"], options: [{}] } }),
      'spec.dnsConfig.nameservers[0]: Invalid value: "up": must be a valid IP address, (e.g. 10.9.8.7 or ' +
        "2001:db8::ffff)",
      "spec.dnsConfig.options[0]: Required value: must not be empty",
    ],
    [
      "has names that are none, of a place that is none",
      withSpec({ hostAliases: [{ ip: "a", hostnames: ["A"] }] }),
      'spec.hostAliases[0].ip: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      'spec.hostAliases[0].hostnames: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case ' +
        "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. " +
        "'example.com', regex used for validation is " +
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
    [
      "sets what is no parameter of a kernel",
      withSpec({ securityContext: { sysctls: [{ name: "foo-", value: "1" }] } }),
      'spec.securityContext.sysctls[0].name: Invalid value: "foo-": must have at most 253 characters and match regex ' +
        "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
    ],
    [
      "wants a token that ends too soon, nowhere",
      withVolume({ projected: { sources: [{ serviceAccountToken: { path: "", expirationSeconds: 599 } }] } }),
      "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: " +
        "may not specify a duration less than 10 minutes",
      "spec.volumes[0].projected.path: Required value",
    ],
    [
      "opens a port at what is no address",
      withContainer({ ports: [{ containerPort: 80, hostPort: 80, hostIP: "eth0" }] }),
      'spec.containers[0].ports[0].hostIP: Invalid value: "eth0": must be a valid IP address, (e.g. 10.9.8.7 or ' +
        "2001:db8::ffff)",
    ],
    ["says what nobody knows", withContainer({ imagee: 1 }), 'unknown field "spec.containers[0].imagee"'],
  ];
  for (const [what, spec, ...errors] of rows) {
    it(what, () => assert.deepEqual(errorsOf(spec), errors));
  }
});

describe("an annotation of ours", () => {
  const spec = { containers: [container] };
  const screen =
    'metadata.annotations[selvedge.dev/screen]: Unsupported value: "yes": supported values: "true", "false"';
  for (const [annotation, value, ...errors] of [
    ["selvedge.dev/screen", "true"],
    ["selvedge.dev/screen", "false"],
    ["selvedge.dev/screen", "yes", screen],
    ["example.com/screen", "yes"],
  ] as const)
    it(`${annotation}: ${value} is ${errors.length === 0 ? "taken" : "refused, also of a Pod that runs"}`, () => {
      const metadata = { annotations: { [annotation]: value } };
      const made = admit(podKind, { spec, metadata });
      assert.deepEqual(made.errors, errors);
      const { object: running } = admit(podKind, { spec });
      assert.deepEqual(admit(podKind, { ...running, metadata }, running).errors, errors);
    });
});
