import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type EnrolmentFile, parseEnrolmentConfig } from "./enrolment-config.ts";

const keys = join(import.meta.dirname, "../../../eve-api/testdata/eve/keys");
const key = (name: string): string => readFileSync(join(keys, name), "utf8");

const good: Readonly<Partial<Record<EnrolmentFile, string>>> = {
  server: "controller.example:8443\n",
  "root-certificate.pem": key("root.pem"),
  "onboard.cert.pem": key("onboard.pem"),
  "onboard.key.pem": key("onboard-key.pem"),
  soft_serial: "node-1\n",
};

const wrong: readonly (readonly [string, Partial<Record<EnrolmentFile, string | undefined>>, RegExp])[] = [
  ["no server", { server: undefined }, /^server: the file is missing/],
  ["a whole address", { server: "https://controller.example/" }, /^server: .* is not host or host:port/],
  ["no root", { "root-certificate.pem": undefined }, /^root-certificate.pem: the file is missing/],
  ["a root that is a key", { "root-certificate.pem": key("root-key.pem") }, /^root-certificate.pem/],
  ["a key without its certificate", { "onboard.cert.pem": undefined }, /^onboard.cert.pem: missing/],
  ["a certificate without its key", { "onboard.key.pem": undefined }, /^onboard.key.pem: missing/],
  ["another's key", { "onboard.key.pem": key("device.key.pem") }, /^onboard.key.pem: not the key of/],
  ["a certificate that is none", { "onboard.cert.pem": "hello" }, /^onboard.cert.pem: not a certificate/],
  ["a key that is none", { "onboard.key.pem": "hello" }, /^onboard.key.pem: not a private key/],
  ["a serial with spaces", { soft_serial: "node 1" }, /^soft_serial/],
];

describe("the folder a box enrols from", () => {
  it("is read as EVE reads it", () => {
    const config = parseEnrolmentConfig(good, "SN-1\n");
    assert.equal(config.baseUrl, "https://controller.example:8443");
    assert.equal(config.roots.length, 1);
    assert.deepEqual([config.serial, config.softSerial], ["SN-1", "node-1"]);
    assert.ok(config.onboarding !== undefined);
  });

  it("trusts each root once, whichever file holds it", () => {
    const roots = `${key("root.pem")}\n${key("inter.pem")}`;
    const both = { ...good, "v2tlsbaseroot-certificates.pem": roots };
    assert.equal(parseEnrolmentConfig(both, "").roots.length, 2);
  });

  it("needs no onboarding pair", () => {
    const { server = "", "root-certificate.pem": root = "" } = good;
    assert.equal(parseEnrolmentConfig({ server, "root-certificate.pem": root }, "").onboarding, undefined);
  });

  for (const [what, change, message] of wrong)
    it(`is refused with ${what}`, () => {
      const files = Object.entries({ ...good, ...change }).filter(([, text]) => text !== undefined);
      assert.throws(() => parseEnrolmentConfig(Object.fromEntries(files), ""), {
        name: "EnrolmentConfigError",
        message,
      });
    });
});
