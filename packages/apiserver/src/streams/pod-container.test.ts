import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import { StatusError } from "../status-error.ts";
import { parseLogQuery } from "./log-query.ts";
import { checkHasLogs, checkRuns, chooseContainer, type StreamedPod } from "./pod-container.ts";
import { parsePorts } from "./port-forward-websocket.ts";
import { exitStatus, parseSize } from "./remote-command.ts";

function pod(
  containers: readonly string[],
  more: {
    init?: readonly string[];
    annotations?: Record<string, string>;
    status?: StreamedPod["status"];
  } = {},
): StreamedPod {
  const named = (names: readonly string[]): { name: string }[] => names.map((name) => ({ name }));
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name: "p", namespace: "default", annotations: more.annotations ?? {} },
    spec: { nodeName: "n", containers: named(containers), initContainers: named(more.init ?? []) },
    ...(more.status === undefined ? {} : { status: more.status }),
  };
}

/** The answer, or the message of the refusal. */
function outcome(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof StatusError);
    return `${error.code} ${error.message}`;
  }
}

describe("the container of a request", () => {
  const marked = { annotations: { "kubectl.kubernetes.io/default-container": "b" } };
  const rows: readonly (readonly [string, StreamedPod, string, string])[] = [
    ["the only one", pod(["a"]), "", "a"],
    ["the named one", pod(["a", "b"]), "b", "b"],
    ["a named init container", pod(["a"], { init: ["i"] }), "i", "i"],
    ["the annotated one", pod(["a", "b"], marked), "", "b"],
    ["one that is not there", pod(["a"]), "x", "400 container x is not valid for pod p"],
    [
      "no name where there are several",
      pod(["a", "b"]),
      "",
      "400 a container name must be specified for pod p, choose one of: [a b]",
    ],
    [
      "no name where there are init containers too",
      pod(["a", "b"], { init: ["i"] }),
      "",
      "400 a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]",
    ],
    ["none at all", pod([]), "", "400 pod p does not have any containers"],
  ];
  for (const [name, from, container, expected] of rows) {
    it(name, () =>
      assert.equal(
        outcome(() => chooseContainer(from, container)),
        expected,
      ),
    );
  }
});

describe("a container's logs", () => {
  type State = NonNullable<NonNullable<StreamedPod["status"]>["containerStatuses"]>[number];
  const of = (state: Omit<State, "name"> | undefined): StreamedPod =>
    pod(["c"], { status: { containerStatuses: state === undefined ? [] : [{ name: "c", ...state }] } });
  const waits = '400 container "c" in pod "p" is waiting to start';
  const rows: readonly (readonly [string, StreamedPod, boolean, string | undefined])[] = [
    ["running", of({ state: { running: {} } }), false, undefined],
    ["ended", of({ state: { terminated: {} } }), false, undefined],
    [
      "waiting after a crash",
      of({ state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: { terminated: {} } }),
      false,
      undefined,
    ],
    [
      "being created",
      of({ state: { waiting: { reason: "ContainerCreating" } } }),
      false,
      `${waits}: ContainerCreating`,
    ],
    [
      "without an image",
      of({ state: { waiting: { reason: "ErrImagePull" } } }),
      false,
      `${waits}: image can't be pulled`,
    ],
    [
      "backing off",
      of({ state: { waiting: { reason: "ImagePullBackOff" } } }),
      false,
      `${waits}: trying and failing to pull image`,
    ],
    ["unknown yet", of({}), false, `${waits} - no logs yet`],
    ["without any status", of(undefined), false, '400 container "c" in pod "p" is not available'],
    [
      "before it ever ended",
      of({ state: { running: {} } }),
      true,
      '400 previous terminated container "c" in pod "p" not found',
    ],
    ["of the run before", of({ state: { running: {} }, lastState: { terminated: {} } }), true, undefined],
  ];
  for (const [name, from, previous, expected] of rows) {
    it(name, () =>
      assert.equal(
        outcome(() => checkHasLogs(from, "c", previous)),
        expected,
      ),
    );
  }

  it("and its insides are there only while it runs", () => {
    assert.equal(
      outcome(() => checkRuns(of({ state: { running: {} } }), "c")),
      undefined,
    );
    assert.match(
      String(outcome(() => checkRuns(of({ state: { terminated: {} } }), "c"))),
      /^404 .*container not found \("c"\)/,
    );
    const done = pod(["c"], { status: { phase: "Succeeded" } });
    assert.match(String(outcome(() => checkRuns(done, "c"))), /completed pod; current phase is Succeeded/);
  });
});

describe("a log query", () => {
  const now = instant(Date.UTC(2026, 0, 1));
  const none = { follow: false, previous: false, timestamps: false };
  const rows: readonly (readonly [string, unknown])[] = [
    ["", none],
    ["follow=true&timestamps=1&previous=false", { ...none, follow: true, timestamps: true }],
    ["tailLines=0&limitBytes=10", { ...none, tailLines: 0, limitBytes: 10 }],
    ["sinceSeconds=60", { ...none, since: now - 60_000 }],
    ["sinceTime=2025-12-31T00:00:00Z", { ...none, since: Date.UTC(2025, 11, 31) }],
    [
      "tailLines=-1",
      '422 PodLogOptions "" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
    ["limitBytes=0", '422 PodLogOptions "" is invalid: limitBytes: Invalid value: 0: must be greater than 0'],
    [
      "sinceSeconds=1&sinceTime=2025-12-31T00:00:00Z",
      '422 PodLogOptions "" is invalid: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
    ["tailLines=ten", '400 tailLines: "ten" is not a whole number'],
    ["sinceTime=yesterday", /^422 .*sinceTime: Invalid value: "yesterday": must be a time in RFC 3339/],
  ];
  for (const [query, expected] of rows) {
    it(query || "of nothing", () => {
      const got = outcome(() => parseLogQuery(new URLSearchParams(query), now));
      if (expected instanceof RegExp) assert.match(String(got), expected);
      else assert.deepEqual(got, expected);
    });
  }
});

describe("small parts of streams", () => {
  it("exit codes become statuses that kubectl exits with", () => {
    assert.deepEqual(exitStatus(0), { metadata: {}, status: "Success" });
    const { reason, details } = exitStatus(3);
    assert.deepEqual(
      { reason, details },
      {
        reason: "NonZeroExitCode",
        details: { causes: [{ reason: "ExitCode", message: "3" }] },
      },
    );
  });

  const sizes: readonly (readonly [string, unknown])[] = [
    ['{"Width":101,"Height":33}', { width: 101, height: 33 }],
    ['{"Width":0,"Height":33}', undefined],
    ['{"Width":70000,"Height":33}', undefined],
    ["null", undefined],
    ["{", undefined],
  ];
  for (const [text, expected] of sizes) {
    it(`the size ${text}`, () => assert.deepEqual(parseSize(text), expected));
  }

  const ports: readonly (readonly [string, unknown])[] = [
    ["ports=80", [80]],
    ["ports=80,443&ports=1", [80, 443, 1]],
    ["", '400 query parameter "ports" is required'],
    ["ports=0", '400 query parameter "ports": "0" is not a port'],
    ["ports=1&ports=2&ports=3", "400 at most 2 ports can be forwarded in one connection"],
  ];
  for (const [query, expected] of ports) {
    it(`the ports of ?${query}`, () =>
      assert.deepEqual(
        outcome(() => parsePorts(new URLSearchParams(query), query.includes("443") ? 3 : 2)),
        expected,
      ));
  }
});
