import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Clock, hours, type Instant, instant, Log, type Millis, SystemClock } from "@selvedge/base";
import type { RequestInfo } from "../http/request-info.ts";
import { Audit } from "./audit.ts";
import { AuditFile } from "./audit-file.ts";
import { auditTerms, parseAuditPolicy } from "./audit-policy.ts";

const head = { apiVersion: "audit.k8s.io/v1", kind: "Policy" };
const policy = parseAuditPolicy({
  ...head,
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", users: ["system:probe"], verbs: ["get"] },
    { level: "Request", resources: [{ group: "", resources: ["configmaps"], resourceNames: ["loud"] }] },
    { level: "Metadata", resources: [{ group: "", resources: ["secrets", "configmaps", "pods/*"] }] },
    { level: "None", nonResourceURLs: ["/healthz*", "/version"] },
    { level: "None", userGroups: ["system:nodes"], namespaces: ["kube-node-lease"] },
    { level: "RequestResponse", resources: [{ group: "apps" }], omitManagedFields: true },
    { level: "Request", namespaces: [""], omitStages: ["ResponseStarted"] },
    { level: "Metadata" },
  ],
});
const ann = { name: "ann", groups: ["dev"] };

function about(verb: string, resource: string, more: object = {}): RequestInfo {
  return { type: "resource", verb, group: "", version: "v1", resource, namespace: "a", ...more };
}

function path(at: string): RequestInfo {
  return { type: "path", verb: "get", path: at };
}

describe("an audit policy", () => {
  const rows: readonly [RequestInfo, typeof ann, level: string][] = [
    [about("get", "secrets"), { name: "system:probe", groups: [] }, "None"],
    [about("list", "secrets"), { name: "system:probe", groups: [] }, "Metadata"],
    [about("get", "configmaps", { name: "loud" }), ann, "Request"],
    [about("get", "configmaps", { name: "still" }), ann, "Metadata"],
    [about("get", "pods", { subresource: "log" }), ann, "Metadata"],
    [path("/healthz/etcd"), ann, "None"],
    [path("/metrics"), ann, "Metadata"],
    [about("update", "x", { namespace: "kube-node-lease" }), { name: "n", groups: ["system:nodes"] }, "None"],
    [about("get", "deployments", { group: "apps" }), ann, "RequestResponse"],
    [about("get", "nodes", { namespace: undefined }), ann, "Request"],
    [about("get", "services"), ann, "Metadata"],
  ];
  for (const [info, user, level] of rows) {
    const what = info.type === "path" ? info.path : info.resource;
    it(`has ${info.verb} ${what} by ${user.name} at ${level}`, () => {
      assert.equal(auditTerms(policy, info, user).level, level);
    });
  }

  it("leaves out the stages of the policy and of the rule", () => {
    const { omitStages } = auditTerms(policy, about("get", "nodes", { namespace: undefined }), ann);
    assert.deepEqual(omitStages, ["RequestReceived", "ResponseStarted"]);
  });

  const wrong: readonly [unknown, RegExp][] = [
    [{}, /apiVersion audit.k8s.io\/v1/],
    [{ ...head, rules: [] }, /rules: at least one/],
    [{ ...head, rules: [{ level: "All" }] }, /rules\[0\].level: "All" is not one of None, Metadata/],
    [
      { ...head, rules: [{ level: "None", omitStages: ["End"] }] },
      /rules\[0\].omitStages: End is not one of/,
    ],
    [{ ...head, rules: [{ level: "None", users: "ann" }] }, /rules\[0\].users: a list is needed/],
    [
      { ...head, rules: [{ level: "None", nonResourceURLs: ["/a"], namespaces: ["b"] }] },
      /rules\[0\].nonResourceURLs: rules cannot apply to both/,
    ],
  ];
  for (const [value, message] of wrong) {
    it(`says ${message}`, () => assert.throws(() => parseAuditPolicy(value), message));
  }
});

describe("an event", () => {
  it("says who did what, when, and what came of it", () => {
    const lines: string[] = [];
    const clock = { now: () => instant(1_700_000_000_123) } as Clock;
    const audit = new Audit({ policy, sink: { write: (line) => lines.push(line) }, clock });
    const request = {
      ...{ url: "/apis/apps/v1/namespaces/a/deployments?x=1", headers: { "user-agent": "kubectl" } },
      socket: { remoteAddress: "::ffff:10.0.0.7" },
    } as unknown as IncomingMessage;
    const info = about("create", "deployments", { group: "apps" });
    const entry = audit.begin(request, "id-1", info, ann);
    entry?.impersonates({ name: "bob", groups: [] });
    entry?.decided({ allowed: true, reason: "RBAC: so it is" });
    const object = { metadata: { name: "web", managedFields: [{}] }, spec: {} };
    entry?.asked(object);
    entry?.answered(JSON.stringify(object));
    entry?.done(201);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [
        {
          ...{ kind: "Event", apiVersion: "audit.k8s.io/v1", level: "RequestResponse", auditID: "id-1" },
          ...{ stage: "ResponseComplete", requestURI: request.url, verb: "create" },
          user: { username: "ann", groups: ["dev"] },
          impersonatedUser: { username: "bob", groups: [] },
          ...{ sourceIPs: ["10.0.0.7"], userAgent: "kubectl" },
          objectRef: { resource: "deployments", namespace: "a", apiGroup: "apps", apiVersion: "v1" },
          responseStatus: { metadata: {}, code: 201 },
          requestObject: { metadata: { name: "web" }, spec: {} },
          responseObject: { metadata: { name: "web" }, spec: {} },
          requestReceivedTimestamp: "2023-11-14T22:13:20.123000Z",
          stageTimestamp: "2023-11-14T22:13:20.123000Z",
          annotations: {
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": "RBAC: so it is",
          },
        },
      ],
    );
  });
});

describe("of a body managedFields are left out", () => {
  const fields = [{ manager: "me", fieldsV1: { "f:a": {} } }];
  const kept = { name: "a", labels: { managedFields: "1" } };
  const rows: readonly (readonly [body: unknown, shown: unknown])[] = [
    [{ metadata: { managedFields: fields } }, { metadata: {} }],
    [
      { metadata: { managedFields: fields, ...kept }, a: 1 },
      { metadata: kept, a: 1 },
    ],
    [{ metadata: { ...kept, managedFields: fields } }, { metadata: kept }],
    [{ metadata: { name: "a", managedFields: [], uid: "b" } }, { metadata: { name: "a", uid: "b" } }],
    [
      {
        metadata: { resourceVersion: "1" },
        items: [{ metadata: { managedFields: fields, ...kept } }, {}, 1],
      },
      { metadata: { resourceVersion: "1" }, items: [{ metadata: kept }, {}, 1] },
    ],
    [{ items: [] }, { items: [] }],
    [
      { items: "none", metadata: null },
      { items: "none", metadata: null },
    ],
    ["text", "text"],
    [[{ metadata: { managedFields: fields } }], [{ metadata: { managedFields: fields } }]],
  ];
  for (const [body, shown] of rows) {
    it(JSON.stringify(body), () => {
      const lines: string[] = [];
      const audit = new Audit({
        policy,
        sink: { write: (line) => lines.push(line) },
        clock: new SystemClock(),
      });
      const request = { url: "/", headers: {}, socket: {} } as unknown as IncomingMessage;
      const entry = audit.begin(request, "id-1", about("create", "deployments", { group: "apps" }), ann);
      entry?.asked(body);
      entry?.answered(JSON.stringify(body));
      entry?.done(201);
      const { requestObject, responseObject } = JSON.parse(lines.join(""));
      assert.deepEqual([requestObject, responseObject], [shown, shown]);
    });
  }
});

describe("an audit file", () => {
  it("is put aside when it is full, and the oldest go", async () => {
    const folder = mkdtempSync(join(tmpdir(), "selvedge-audit-"));
    try {
      let now: Instant = instant(Date.parse("2026-01-01T00:00:00Z"));
      const clock: Clock = Object.assign(new SystemClock(), { now: () => now });
      const log = new Log("test", clock, () => undefined);
      const path = join(folder, "sub", "audit.log");
      const rest = { path, sizeMax: 100, backupsMax: 2, daysMax: 0, clock, log };
      {
        using file = new AuditFile(rest);
        for (let number = 0; number < 6; number++) {
          now = instant(now + (hours(1) as Millis));
          file.write(`${`${number}`.repeat(59)}\n`);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      assert.deepEqual(readdirSync(join(folder, "sub")).sort(), [
        ...["audit-2026-01-01T05-00-00.000.log", "audit-2026-01-01T06-00-00.000.log", "audit.log"],
      ]);
      assert.match(readFileSync(path, "utf8"), /^5+\n$/);
      // It goes on where it was, and what is too old goes at a start.
      now = instant(now + hours(24));
      using again = new AuditFile({ ...rest, daysMax: 1 });
      again.write("more\n");
      await new Promise((resolve) => setImmediate(resolve));
      assert.match(readFileSync(path, "utf8"), /^5+\nmore\n$/);
      assert.deepEqual(readdirSync(join(folder, "sub")).sort(), [
        "audit-2026-01-01T06-00-00.000.log",
        "audit.log",
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
