import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../../test/admit.ts";
import { edgeNodeKind } from "./edge-node.ts";

describe("who stands in for the controller", () => {
  const url = "https://console.plant.example:8443";
  const field = "spec.operatorConsole";
  const rows: readonly (readonly [string, object, ...string[]])[] = [
    ["a console alone", { url }],
    ["a console on a plain line", { url: "http://192.0.2.7:8080/behind" }],
    [
      "one that says where bundles go",
      {
        url,
        bundles: {
          url: "https://files.plant.example/bundles",
          credentialsRef: { name: "upload", namespace: "fleet" },
        },
      },
    ],
    ["nobody", {}, `${field}.url: Required value`],
    [
      "no URL",
      { url: "console.plant.example" },
      `${field}.url: Invalid value: "console.plant.example": must be a URL, such as ${url}`,
    ],
    [
      "one that boxes do not speak to",
      { url: "ftp://console.example" },
      `${field}.url: Invalid value: "ftp://console.example": must begin with http:// or https://`,
    ],
    [
      "a password for all to read",
      { url: "https://a:b@console.example" },
      `${field}.url: Invalid value: "https://a:b@console.example": must have no user in it`,
    ],
    [
      "one behind which no path can be put",
      { url: "https://console.example?site=1" },
      `${field}.url: Invalid value: "https://console.example?site=1": must have no query and no fragment`,
    ],
    [
      "bundles that go nowhere, believed by nothing",
      { url, bundles: { url: "files", caCertificates: ["none"] } },
      `${field}.bundles.url: Invalid value: "files": must be a URL, such as https://files.plant.example/bundles`,
      `${field}.bundles.caCertificates[0]: Invalid value: "<certificate>": must be one certificate in PEM, ` +
        "with its BEGIN and END lines",
    ],
  ];
  for (const [what, operatorConsole, ...errors] of rows) {
    it(what, () => {
      const object = { metadata: { name: "box" }, spec: { operatorConsole } };
      assert.deepEqual(admit(edgeNodeKind, object).errors, errors);
    });
  }
});
