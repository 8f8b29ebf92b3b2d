import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../../test/admit.ts";
import { container, errorsOf, withContainer, withSpec, withVolume } from "../../test/pod-specs.ts";
import { gapsOf } from "../gaps.ts";
import { podKind } from "./pod.ts";

const notSupported = "not supported by Selvedge";

describe("what Selvedge does not do", () => {
  const rows: readonly (readonly [path: string, spec: unknown, reason?: RegExp])[] = [
    ["spec.volumes[0].hostPath", withVolume({ hostPath: { path: "/" } }), /never sees the box's files/],
    ["spec.volumes[0].nfs", withVolume({ nfs: { server: "a", path: "/" } })],
    [
      "spec.volumes[0].projected.sources[0].podCertificate",
      withVolume({
        projected: { sources: [{ podCertificate: { signerName: "a.b/c", keyType: "ED25519" } }] },
      }),
      /into a Secret/,
    ],
    ["spec.hostNetwork", withSpec({ hostNetwork: true }), /use hostPort/],
    ["spec.hostPID", withSpec({ hostPID: true })],
    ["spec.hostIPC", withSpec({ hostIPC: true })],
    ["spec.resourceClaims", withSpec({ resourceClaims: [{ name: "gpu" }] })],
    ["spec.runtimeClassName", withSpec({ runtimeClassName: "container" })],
    [
      "spec.containers[0].securityContext.privileged",
      withContainer({ securityContext: { privileged: true } }),
    ],
    [
      "spec.containers[0].securityContext.capabilities.add[0]",
      withContainer({ securityContext: { capabilities: { add: ["FLY"], drop: ["ALL"] } } }),
    ],
    [
      "spec.containers[0].securityContext.seccompProfile.type",
      withContainer({ securityContext: { seccompProfile: { type: "Localhost", localhostProfile: "a" } } }),
    ],
    [
      "spec.containers[0].resources.limits[hugepages-2Mi]",
      withContainer({
        resources: { limits: { "hugepages-2Mi": "4Mi" }, requests: { "hugepages-2Mi": "4Mi" } },
      }),
      /boxes offer cpu, memory, ephemeral-storage/,
    ],
    [
      "spec.containers[0].ports[0].protocol",
      withContainer({ ports: [{ containerPort: 1, protocol: "SCTP" }] }),
    ],
    [
      "spec.containers[0].ports[0].hostIP",
      withContainer({ ports: [{ containerPort: 80, hostPort: 80, hostIP: "127.0.0.1" }] }),
      /an address of one of its ports/,
    ],
    [
      "spec.containers[0].ports[0].hostIP",
      withContainer({ ports: [{ containerPort: 80, hostPort: 80, hostIP: "2001:db8::1" }] }),
      /IPv4/,
    ],
    [
      "spec.containers[0].volumeDevices",
      withContainer({ volumeDevices: [{ name: "v", devicePath: "/dev/v" }] }),
    ],
  ];
  for (const [path, spec, reason = /./] of rows) {
    it(`is written, and said: ${path}`, () => {
      assert.deepEqual(errorsOf(spec), []);
      const [first = ""] = gapsOf(admit(podKind, { spec }).object);
      assert.ok(first.startsWith(`${path}: ${notSupported}: `), first);
      assert.match(first, reason);
    });
  }

  it("is not what changes nothing", () => {
    const spec = {
      containers: [
        {
          ...container,
          securityContext: {
            ...{ privileged: false, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
            capabilities: { add: ["NET_BIND_SERVICE", "CAP_SYS_TIME"], drop: ["ALL"] },
            seccompProfile: { type: "RuntimeDefault" },
          },
          ...{ terminationMessagePath: "/tmp/why", terminationMessagePolicy: "FallbackToLogsOnError" },
          livenessProbe: { grpc: { port: 1 } },
          lifecycle: { stopSignal: "SIGUSR1" },
        },
      ],
      initContainers: [
        { name: "i", image: "i:1", restartPolicy: "Always", startupProbe: { exec: { command: ["up"] } } },
      ],
      ...{ dnsPolicy: "None", readinessGates: [{ conditionType: "a.b/c" }], setHostnameAsFQDN: true },
      securityContext: { sysctls: [{ name: "kernel/sem", value: "1" }], supplementalGroupsPolicy: "Strict" },
      dnsConfig: { nameservers: ["10.0.0.1"], searches: ["a.b."], options: [{ name: "ndots", value: "2" }] },
      hostAliases: [{ ip: "10.0.0.1", hostnames: ["a"] }],
      ...{ hostNetwork: false, hostUsers: true, runtimeClassName: "microvm" },
      ...{ os: { name: "linux" }, automountServiceAccountToken: false, serviceAccountName: "default" },
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }],
    };
    assert.deepEqual(errorsOf(spec), []);
    assert.deepEqual(gapsOf(admit(podKind, { spec }).object), []);
  });
});
