/** Kinds of our own: a manifest that is right, and one for each way it can be wrong. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import { edgeNodeKind, enrollmentProfileKind } from "./index.ts";

const certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

type Row = readonly [what: string, kind: KindDefinition, object: object, ...errors: string[]];

const rows: readonly Row[] = [
  ["an EdgeNode", edgeNodeKind, { spec: { serial: "1", settings: { "timer.config.interval": "60" } } }],
  [
    "an EdgeNode with its cards",
    edgeNodeKind,
    {
      spec: {
        ports: [
          { name: "wan", address: "192.0.2.7/24", dns: ["9.9.9.9"] },
          { name: "lan", uplink: false },
        ],
      },
    },
  ],
  [
    "an EdgeNode with cards a box could not use",
    edgeNodeKind,
    {
      spec: {
        ports: [
          { name: "uplink", uplink: false, gateway: "192.0.2.1" },
          { name: "b", uplink: false, address: "192.0.2.300/24", gateway: "::1" },
        ],
      },
    },
    'spec.ports[0].name: Invalid value: "uplink": is a name EVE keeps for itself',
    "spec.ports[0].gateway: Forbidden: comes by DHCP; set address too",
    'spec.ports[1].address: Invalid value: "192.0.2.300/24": must be an IPv4 address with its length: 192.0.2.7/24',
    'spec.ports[1].gateway: Invalid value: "::1": must be an IPv4 address',
    'spec.ports: Invalid value: "<ports>": one must be an uplink: without, the box takes all for uplinks',
  ],
  [
    "an EdgeNode that says what a box would refuse",
    edgeNodeKind,
    {
      spec: {
        deviceCertificate: "none",
        labels: { "a b": "c" },
        settings: { "timer.config.interval": "1", "timer.tea": "5", "app.allow.vnc": "yes" },
      },
    },
    "spec.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and " +
      "must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used " +
      "for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    'spec.deviceCertificate: Invalid value: "<certificate>": must be one certificate in PEM, with its BEGIN and END ' +
      "lines",
    'spec.settings[timer.config.interval]: Invalid value: "1": must be a whole number between 5 and 86400, inclusive',
    'spec.settings[timer.tea]: Invalid value: "5": is no configuration item of EVE, such as timer.config.interval',
    'spec.settings[app.allow.vnc]: Invalid value: "yes": must be "true" or "false"',
  ],
  ["an EnrollmentProfile", enrollmentProfileKind, { spec: { onboardingCertificate: certificate } }],
  ["an EnrollmentProfile without spec", enrollmentProfileKind, {}, "spec: Required value"],
  [
    "an EnrollmentProfile that gives all nodes one name",
    enrollmentProfileKind,
    { spec: { onboardingCertificate: certificate, nodeName: "box" } },
    'spec.nodeName: Invalid value: "box": must contain {serial}: each node needs a name of its own',
  ],
];

describe("objects of our own kinds are admitted or refused", () => {
  for (const [what, kind, object, ...errors] of rows) {
    it(what, () => assert.deepEqual(admit(kind, object).errors, errors));
  }
});

it("the name of an EdgeNode's Node may not change", () => {
  const old = admit(edgeNodeKind, { spec: { nodeName: "a" } }).object;
  assert.deepEqual(admit(edgeNodeKind, { spec: { nodeName: "a" } }, old).errors, []);
  assert.deepEqual(admit(edgeNodeKind, { spec: { nodeName: "b" } }, old).errors, [
    'spec.nodeName: Invalid value: "b": field is immutable',
  ]);
});

it("an EnrollmentProfile has defaults", () => {
  const { object } = admit(enrollmentProfileKind, { spec: { onboardingCertificate: certificate } });
  const { approve, nodeName } = object["spec"] as Record<string, unknown>;
  assert.deepEqual([approve, nodeName], ["Manual", "{serial}"]);
});
