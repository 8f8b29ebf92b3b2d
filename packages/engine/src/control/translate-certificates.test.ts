import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { config, netconfig, scep } from "@selvedge/eve-api";
import { ownCertificate } from "../certificate/certificate-request.ts";
import type { RequestSpec } from "../certificate/certificate-spec.ts";
import { certificateInfo } from "./report/certificate-info.ts";
import { authenticationOf, translateCertificates } from "./translate-certificates.ts";

const request: RequestSpec = {
  ...{
    commonName: "box",
    organization: "Plant",
    organizationalUnit: "",
    country: "DE",
    state: "",
    locality: "",
  },
  ...{ dnsNames: ["box.example"], ipAddresses: ["192.0.2.7"], uris: ["urn:box"], emailAddresses: [] },
  ...{ renewAtPercent: 50, keyBits: 2048, hash: "sha256" },
};
const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const serial = new Uint8Array([1, 2, 3, 4]);
const root = (await ownCertificate(request, keys, serial, instant(Date.UTC(2026, 0, 2)))).toString();
type Init = Partial<Record<keyof Omit<scep.SCEPProfile, "$typeName">, unknown>>;
const profile = (more: Init = {}): Init => ({
  ...{
    profileName: "plant",
    scepUrl: "https://ca.example/scep",
    caCertPem: [new TextEncoder().encode(root)],
  },
  csrProfile: { commonName: "box" },
  ...more,
});
const message = (...scepProfiles: Init[]): config.EdgeDevConfig =>
  create(config.EdgeDevConfigSchema, { scepProfiles: scepProfiles as never });

describe("SCEP profiles", () => {
  it("have what EVE takes where they say nothing", () => {
    const [spec] = translateCertificates(message(profile()));
    assert.deepEqual(
      [
        spec?.fault,
        spec?.throughController,
        spec?.request.renewAtPercent,
        spec?.request.keyBits,
        spec?.request.hash,
      ],
      [undefined, false, 50, 2048, "sha256"],
    );
  });

  const rows: readonly (readonly [RegExp, Init])[] = [
    [/profile_name: is empty/, { profileName: "" }],
    [/scep_url: "ftp:\/\/ca" is no address/, { scepUrl: "ftp://ca" }],
    [/ca_cert_pem: is empty/, { caCertPem: [] }],
    [/ca_cert_pem: is no certificate/, { caCertPem: [new Uint8Array([1])] }],
    [/csr_profile: is missing/, { csrProfile: undefined as never }],
    [/key_type: 10 is none of RSA's/, { csrProfile: { commonName: "x", keyType: scep.KeyType.ECDSA_P256 } }],
    [/renew_period_percent: 100/, { csrProfile: { commonName: "x", renewPeriodPercent: 100 } }],
    [/common_name: write it/, { csrProfile: { organization: "x" } }],
    [
      /challenge: the configuration has no cipher context c/,
      { scepChallengePassword: { cipherContextId: "c" } },
    ],
  ];
  for (const [fault, more] of rows)
    it(`are told ${fault.source}, and hold up no other`, () => {
      const [wrong, right] = translateCertificates(message(profile(more), profile({ profileName: "other" })));
      assert.match(wrong?.fault ?? "", fault);
      assert.equal(right?.fault, undefined);
    });
});

describe("a port that shows a certificate", () => {
  const of = (pnac: MessageInitShape<typeof netconfig.PNACSchema>) =>
    authenticationOf(
      ["wan", "eth0"],
      create(config.EdgeDevConfigSchema, { scepProfiles: [profile()] as never, pnacs: [pnac] }),
    );
  const eapMethod = netconfig.EAPMethod.EAP_METHOD_TLS;
  const rows: readonly (readonly [string, ReturnType<typeof of>, unknown])[] = [
    [
      "of its label",
      of({ logicallabel: "eth0", eapMethod, certEnrollmentProfileName: "plant", eapIdentity: "me" }),
      { identity: "me", profile: "plant" },
    ],
    [
      "not of another's",
      of({ logicallabel: "eth1", eapMethod, certEnrollmentProfileName: "plant" }),
      undefined,
    ],
    [
      "that nobody asks for",
      of({ logicallabel: "wan", eapMethod, certEnrollmentProfileName: "x" }),
      {
        identity: "",
        profile: "x",
        fault: 'pnacs.cert_enrollment_profile_name: no SCEP profile is called "x"',
      },
    ],
    [
      "by no other method",
      of({ logicallabel: "wan", eapMethod: 0, certEnrollmentProfileName: "plant" }),
      { identity: "", profile: "plant", fault: "pnacs.eap_method: 0 is not EAP-TLS (1)" },
    ],
  ];
  for (const [name, found, wanted] of rows) it(name, () => assert.deepEqual(found, wanted));
});

describe("what is told of a certificate", () => {
  it("is what is in it", () => {
    const told = certificateInfo("plant", { phase: "available", certificate: root, renewAtPercent: 50 });
    assert.deepEqual(
      [
        told.subject?.commonName,
        told.subject?.organization,
        told.sanDns,
        told.sanIp,
        told.sanUri,
        told.status,
      ],
      ["box", ["Plant"], [], [], [], 1],
    );
    assert.equal(told.sha256Fingerprint?.length, 64);
    assert.equal(told.issueTimestamp?.seconds, BigInt(Date.UTC(2026, 0, 1) / 1000));
  });
  it("is why there is none", () => {
    const told = certificateInfo("plant", { phase: "failed", error: "no" });
    assert.deepEqual([told.status, told.err?.description, told.subject], [6, "no", undefined]);
  });
});
