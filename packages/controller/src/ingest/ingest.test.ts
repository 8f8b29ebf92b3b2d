import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { config, ext, info, setExtension } from "@selvedge/eve-api";
import type { Pod } from "@selvedge/kinds";
import { edgeNodeStatusOf, nodeStatusOf } from "./device-status.ts";
import { reportOfForeignApp } from "./foreign-app.ts";
import { contentNews, showNews, usersOf } from "./foreign-parts.ts";
import { podStatusOf } from "./pod-status.ts";
import { ReportOrder } from "./report-order.ts";

const now = instant(Date.parse("2026-01-01T00:00:10Z"));
const started = BigInt(Date.parse("2026-01-01T00:00:05Z"));

function pod(more: Partial<Pod["metadata"]> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "d", uid: "u", ...more },
    spec: {
      nodeName: "box",
      containers: [
        { name: "web", image: "nginx", resources: { limits: { cpu: "1", memory: "1Gi" } } },
        { name: "side", image: "busybox" },
      ],
    },
  };
}

function report(init: Parameters<typeof create<typeof ext.AppReportSchema>>[1]): ext.AppReport {
  return create(ext.AppReportSchema, init);
}

const running = { state: { case: "running" as const, value: { startedAt: started } } };
const crashed = {
  state: {
    case: "terminated" as const,
    value: { exitCode: 137, signal: 9, reason: "OOMKilled", startedAt: started, finishedAt: started },
  },
};

describe("a Pod's status", () => {
  it("shows what the node says, as Kubernetes does", () => {
    const status = podStatusOf(
      pod(),
      report({
        ...{ phase: "Running", podIp: "10.77.0.10", hostIp: "192.0.2.1", startedAt: started },
        containers: [
          { name: "side", ready: true, started: true, state: running, imageId: "busybox@sha256:1" },
          {
            ...{ name: "web", image: "docker.io/library/nginx", containerId: "c1", restartCount: 2 },
            state: {
              state: { case: "waiting", value: { reason: "CrashLoopBackOff", message: "back-off 20s" } },
            },
            lastState: crashed,
          },
        ],
      }),
      false,
      now,
    );
    assert.deepEqual(
      [status.phase, status.podIP, status.podIPs, status.hostIP, status.startTime],
      ["Running", "10.77.0.10", [{ ip: "10.77.0.10" }], "192.0.2.1", "2026-01-01T00:00:05Z"],
    );
    assert.deepEqual(
      status.containerStatuses?.map(({ name, image, ready, restartCount }) => [
        name,
        image,
        ready,
        restartCount,
      ]),
      [
        ["web", "docker.io/library/nginx", false, 2],
        ["side", "busybox", true, 0],
      ],
    );
    assert.equal(status.containerStatuses?.[0]?.state?.waiting?.reason, "CrashLoopBackOff");
    assert.deepEqual(status.containerStatuses?.[0]?.lastState?.terminated, {
      ...{ exitCode: 137, signal: 9, reason: "OOMKilled", containerID: "selvedge://c1" },
      ...{ startedAt: "2026-01-01T00:00:05Z", finishedAt: "2026-01-01T00:00:05Z" },
    });
    assert.deepEqual(
      status.conditions?.map(({ type, status: says, message }) => [type, says, message]),
      [
        ["PodScheduled", "True", undefined],
        ["Initialized", "True", undefined],
        ["ContainersReady", "False", "containers with unready status: [web]"],
        ["Ready", "False", "containers with unready status: [web]"],
      ],
    );
  });

  it("says since when something is so, and not since when it was said last", () => {
    const ready = report({
      phase: "Running",
      containers: ["web", "side"].map((name) => ({ name, ready: true, started: true, state: running })),
    });
    const first = podStatusOf(pod(), ready, false, now);
    const later = podStatusOf({ ...pod(), status: first }, ready, false, instant(now + 60_000));
    assert.deepEqual(later, first);
  });

  for (const [name, exitCode, phase] of [
    ["Succeeded", 0, "Succeeded"],
    ["Failed", 1, "Failed"],
  ] as const) {
    it(`of a deleted Pod that halted is ${name}`, () => {
      const end = { state: { case: "terminated" as const, value: { exitCode } } };
      const said = report({
        phase: "Running",
        containers: ["web", "side"].map((one) => ({ name: one, state: end })),
      });
      const going = pod({ deletionTimestamp: "2026-01-01T00:00:00Z" });
      assert.equal(podStatusOf(going, said, true, now).phase, phase);
      assert.equal(podStatusOf(pod(), said, true, now).phase, "Running");
    });
  }
});

describe("an app of a node that only speaks EVE", () => {
  const { ZSwState: State } = info;
  for (const [state, phase, shows] of [
    [State.DOWNLOAD_STARTED, "Pending", "waiting ContainerCreating pulling the image"],
    [State.BOOTING, "Pending", "waiting ContainerCreating booting"],
    [State.RUNNING, "Running", "running"],
    [State.HALTING, "Running", "running"],
    [State.HALTED, "Pending", "terminated Completed"],
    [State.ERROR, "Pending", "waiting CreateContainerError no disk"],
  ] as const) {
    it(`in state ${state} is ${phase}: ${shows}`, () => {
      const app = create(info.ZInfoAppSchema, {
        state,
        appErr: state === State.ERROR ? [{ description: "no disk" }] : [],
        network: [{ IPAddrs: ["fe80::1", "10.1.0.2"] }],
      });
      const status = podStatusOf(pod(), reportOfForeignApp(pod(), app, "192.0.2.9"), false, now);
      const { waiting, terminated } = status.containerStatuses?.[0]?.state ?? {};
      const text = waiting
        ? `waiting ${waiting.reason} ${waiting.message}`
        : terminated
          ? `terminated ${terminated.reason}`
          : "running";
      assert.deepEqual(
        [status.phase, text, status.podIP, status.hostIP],
        [phase, shows, "10.1.0.2", "192.0.2.9"],
      );
    });
  }
});

describe("an app of a node that only speaks EVE, that is broken", () => {
  it("is not ready, though it is said to halt", () => {
    const description = "one of the application's tasks has crashed - please restart application instance";
    const { HALTING: state } = info.ZSwState;
    const app = create(info.ZInfoAppSchema, { state, appErr: [{ description }] });
    const status = podStatusOf(pod(), reportOfForeignApp(pod(), app, ""), false, now);
    const [web] = status.containerStatuses ?? [];
    assert.deepEqual(
      [status.phase, web?.ready, web?.state?.waiting?.message],
      ["Pending", false, description],
    );
  });
});

describe("an app of a node that only speaks EVE, that has halted", () => {
  const ended = [{ description: "unexpected state HALTED" }];
  for (const [how, restartPolicy, appErr, phase] of [
    ["ended by itself, which is its end", "Never", ended, "Succeeded"],
    ["ended by itself, whatever it ended with", "OnFailure", ended, "Succeeded"],
    ["ended by itself and is started again", "Always", ended, "Pending"],
    ["was stopped, as before a reboot", "Never", [], "Pending"],
  ] as const) {
    it(`${how}: ${phase}`, () => {
      const app = create(info.ZInfoAppSchema, { state: info.ZSwState.HALTED, appErr: [...appErr] });
      const job = pod();
      job.spec.restartPolicy = restartPolicy;
      assert.equal(reportOfForeignApp(job, app, "192.0.2.9").phase, phase);
    });
  }
});

describe("a device report", () => {
  function device(init: Parameters<typeof create<typeof ext.NodeReportSchema>>[1]): info.ZInfoDevice {
    const message = create(info.ZInfoDeviceSchema, { machineArch: "x86_64", HostName: "host" });
    setExtension(message, ext.NodeReportSchema, create(ext.NodeReportSchema, init));
    return message;
  }

  it("becomes the Node's capacity, addresses, versions and conditions", () => {
    const status = nodeStatusOf(
      {},
      "box",
      "id",
      device({
        ...{ engineVersion: "0.1.0", cpuMillis: 3500n, memoryBytes: 2n << 30n, storageBytes: 10n << 30n },
        ...{ allocatableMemoryBytes: 1n << 30n, maxApps: 20, internalIp: "192.0.2.1", architecture: "amd64" },
        conditions: [{ type: "DiskPressure", status: "True", reason: "AlmostFull" }],
      }),
      now,
    );
    assert.deepEqual(status.capacity, {
      ...{ cpu: "3500m", memory: "2097152Ki", "ephemeral-storage": "10485760Ki", pods: "20" },
    });
    assert.equal(status.allocatable?.["memory"], "1048576Ki");
    assert.deepEqual(status.addresses, [
      { type: "InternalIP", address: "192.0.2.1" },
      { type: "Hostname", address: "host" },
    ]);
    assert.deepEqual(
      [
        status.nodeInfo?.kubeletVersion,
        status.nodeInfo?.containerRuntimeVersion,
        status.nodeInfo?.architecture,
      ],
      ["v1.34.0+selvedge-0.1.0", "selvedge://0.1.0", "amd64"],
    );
    const conditions = Object.fromEntries((status.conditions ?? []).map((one) => [one.type, one.status]));
    assert.deepEqual(conditions, { DiskPressure: "True", MemoryPressure: "False", PIDPressure: "False" });
  });

  it("of a foreign node counts in EVE's units", () => {
    const message = create(info.ZInfoDeviceSchema, {
      machineArch: "aarch64",
      ncpu: 4,
      memory: 2048n,
      storage: 100n,
    });
    const { capacity, nodeInfo } = nodeStatusOf({}, "box", "id", message, now);
    assert.deepEqual(
      [capacity?.["cpu"], capacity?.["memory"], nodeInfo?.architecture],
      ["4", "2097152Ki", "arm64"],
    );
  });

  const of = (status: ReturnType<typeof edgeNodeStatusOf>, type: string): unknown[] => {
    const found = status.conditions?.find((one) => one.type === type);
    return [found?.status, found?.reason, found?.message];
  };

  it("tells which configuration runs, and why a newer one does not", () => {
    const before = { configHash: { rendered: "new" } };
    const refused = edgeNodeStatusOf(
      before,
      "box",
      device({
        configHash: "old",
        configError: { configHash: "new", field: "apps[0].memory", message: "too much" },
      }),
      now,
    );
    assert.deepEqual(of(refused, "ConfigAccepted"), ["False", "ConfigRefused", "apps[0].memory: too much"]);
    assert.deepEqual(refused.configHash, { rendered: "new", applied: "old" });
    const accepted = edgeNodeStatusOf(refused, "box", device({ configHash: "new" }), now);
    assert.deepEqual(of(accepted, "ConfigAccepted"), ["True", "Applied", undefined]);
    assert.equal(accepted.configError, undefined);
  });

  it("tells how the node keeps its keys and runs its machines", () => {
    const status = edgeNodeStatusOf({}, "box", device({ identityStore: "file" }), now);
    assert.deepEqual([status.identityStore, status.softwareKeys], ["file", true]);
    assert.deepEqual(of(status, "HardwareIdentity").slice(0, 2), ["False", "SoftwareKeys"]);
    assert.deepEqual(of(status, "HardwareVirtualization").slice(0, 2), ["False", "Emulated"]);
  });
});

describe("the order of reports", () => {
  const rows: readonly (readonly [string, number, number, boolean])[] = [
    ["newer", 1_000_001, 1, true],
    ["the same again", 1_000_000, 1, true],
    ["one that was overtaken", 999_000, 5000, false],
    ["older, but long after", 999_000, 61_000, true],
    ["from a clock that was set back", 10, 1, true],
  ];
  for (const [name, at, later, accepted] of rows) {
    it(`${accepted ? "takes" : "drops"} ${name}`, () => {
      const order = new ReportOrder();
      assert.equal(order.accept("x", 1_000_000, instant(0)), true);
      assert.equal(order.accept("x", at, instant(later)), accepted);
      assert.equal(order.accept("y", 1, instant(later)), true);
    });
  }
});

describe("a part of a foreign node's app", () => {
  const { ZSwState: State } = info;
  it("shows on the container that waits for it", () => {
    const made = create(config.EdgeDevConfigSchema, {
      volumes: [
        { uuid: "v1", origin: { downloadContentTreeID: "c1" } },
        { uuid: "v2", origin: { downloadContentTreeID: "c2" } },
      ],
      apps: [{ uuidandversion: { uuid: "u" }, volumeRefList: [{ uuid: "v1" }, { uuid: "v2" }] }],
    });
    assert.deepEqual(usersOf(made, "c2"), [{ uid: "u", at: 1 }]);
    const status: NonNullable<Pod["status"]> = {};
    const failed = contentNews(
      create(info.ZInfoContentTreeSchema, { state: State.ERROR, err: { description: "no such tag" } }),
    );
    assert.ok(failed);
    assert.equal(showNews(pod(), status, 1, failed), true);
    assert.equal(showNews(pod(), status, 1, failed), false);
    assert.deepEqual(
      status.containerStatuses?.map(({ state }) => state?.waiting),
      [{ reason: "ContainerCreating" }, { reason: "ErrImagePull", message: "no such tag" }],
    );
  });

  for (const [state, progressPercentage, message] of [
    [State.DOWNLOAD_STARTED, 40, "pulling nginx, 40 %"],
    [State.VERIFYING, 0, "pulling nginx"],
    [State.LOADED, 100, undefined],
  ] as const) {
    it(`in state ${state} says ${message}`, () => {
      const tree = create(info.ZInfoContentTreeSchema, { state, progressPercentage, displayName: "nginx" });
      assert.equal(contentNews(tree)?.message, message);
    });
  }
});
