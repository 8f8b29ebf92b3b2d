import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseImageReference } from "./image-reference.ts";
import { dnsLabelFaults, dnsSubdomainFaults, labelValueFaults, qualifiedNameFaults } from "./names.ts";
import { formatBinary, formatDecimal, parseQuantity, toMillis, toUnits } from "./quantity.ts";
import { parseFieldSelector, parseLabelSelector } from "./selector-text.ts";
import { formatRequirements, matchesLabels, requirementsOf } from "./selectors.ts";

describe("names", () => {
  for (const [check, name, faults] of [
    [dnsLabelFaults, "web-1", 0],
    [dnsLabelFaults, "Web", 1],
    [dnsLabelFaults, "a".repeat(64), 1],
    [dnsLabelFaults, "", 1],
    [dnsSubdomainFaults, "a.b-c.d", 0],
    [dnsSubdomainFaults, "a..b", 1],
    [qualifiedNameFaults, "app", 0],
    [qualifiedNameFaults, "example.com/app_1", 0],
    [qualifiedNameFaults, "/app", 1],
    [qualifiedNameFaults, "a/b/c", 1],
    [qualifiedNameFaults, "example.com/", 2],
    [labelValueFaults, "", 0],
    [labelValueFaults, "-x", 1],
  ] as const) {
    it(`${check.name} finds ${faults} in ${JSON.stringify(name)}`, () =>
      assert.equal(check(name).length, faults));
  }
});

describe("quantities", () => {
  for (const [text, nano] of [
    ["0", 0n],
    ["100m", 100_000_000n],
    ["1.5Gi", 1_610_612_736_000_000_000n],
    ["2e3", 2_000_000_000_000n],
    ["-1k", -1_000_000_000_000n],
    [".5", 500_000_000n],
    ["0.1n", 1n],
    [3, 3_000_000_000n],
    ["", undefined],
    ["1.2.3", undefined],
    ["5x", undefined],
    ["9".repeat(70), undefined],
    [".", undefined],
  ] as const) {
    it(`${JSON.stringify(text)} is ${nano}`, () => assert.equal(parseQuantity(text), nano));
  }

  it("are written in canonical form", () => {
    assert.equal(formatBinary(parseQuantity("1024Mi") ?? 0n), "1Gi");
    assert.equal(formatBinary(parseQuantity("1500") ?? 0n), "1500");
    assert.equal(formatDecimal(parseQuantity("1.5") ?? 0n), "1500m");
    assert.equal(formatDecimal(parseQuantity("2000m") ?? 0n), "2");
    assert.equal(toUnits(parseQuantity("1m") ?? 0n), 1);
    assert.equal(toMillis(parseQuantity("0.25") ?? 0n), 250);
  });
});

describe("selectors", () => {
  const labels = { app: "web", tier: "2" };
  for (const [text, matches] of [
    ["", true],
    ["app=web", true],
    ["app==web,tier!=3", true],
    ["app in (db, web)", true],
    ["app notin (db,web)", false],
    ["missing!=x", true],
    ["missing notin (x)", true],
    ["app", true],
    ["!app", false],
    ["tier>1", true],
    ["tier<2", false],
    ["toString", false],
  ] as const) {
    it(`${JSON.stringify(text)} ${matches ? "matches" : "does not match"}`, () => {
      const requirements = parseLabelSelector(text);
      assert.equal(matchesLabels(requirements, labels), matches);
      assert.deepEqual(parseLabelSelector(formatRequirements(requirements)), requirements);
    });
  }

  const nameFault =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  for (const [text, said] of [
    ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["a=b c", "found 'c', expected: ',' or 'end of string'"],
    ["!a=b", "found '=', expected: ',' or 'end of string'"],
    ["a in ()x", "found 'x', expected: ',' or 'end of string'"],
    ["a in", "unable to parse requirement: found '' expected: '('"],
    ["a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"],
    ["a in (b", "unable to parse requirement: found '', expected: ',' or ')'"],
    ["a in (b,", "unable to parse requirement: found '', expected: ',', or identifier"],
    ["a=(b)", "unable to parse requirement: found '(', expected: identifier"],
    ["!", "unable to parse requirement: found '', expected: identifier"],
    ["=x", "found '=', expected: !, identifier, or 'end of string'"],
    ["a,,b", "found ',', expected: identifier after ','"],
    ["-a=b", `unable to parse requirement: <nil>: Invalid value: "-a": ${nameFault}`],
    [
      `a=${"b".repeat(64)}`,
      `unable to parse requirement: values[0][a]: Invalid value: "${"b".repeat(64)}": ` +
        "must be no more than 63 characters",
    ],
    [
      "a>b",
      "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, " +
        "the value must be an integer",
    ],
  ] as const) {
    it(`${JSON.stringify(text)} is refused in upstream's words`, () =>
      assert.throws(() => parseLabelSelector(text), { name: "SelectorError", message: said }));
  }

  it("tell an empty value from none, between commas too", () => {
    const values = (text: string): unknown => parseLabelSelector(text)[0]?.values;
    for (const [text, expected] of [
      ["a in ()", [""]],
      ["a in (,b)", ["", "b"]],
      ["a in (b,)", ["", "b"]],
      ["a=", [""]],
    ] as const)
      assert.deepEqual(values(text), expected, text);
  });

  it("tell a missing selector from an empty one", () => {
    assert.equal(requirementsOf(undefined), undefined);
    assert.deepEqual(requirementsOf({}), []);
    assert.throws(
      () => requirementsOf({ matchExpressions: [{ key: "a", operator: "In" }] }),
      /can't be empty/,
    );
  });

  it("of fields are read with their escapes", () => {
    assert.deepEqual(parseFieldSelector("metadata.name=a\\,b,status.phase!=Running"), [
      { path: "metadata.name", equal: true, value: "a,b" },
      { path: "status.phase", equal: false, value: "Running" },
    ]);
    for (const [text, said] of [
      ["nonsense", "invalid selector: 'nonsense'; can't understand 'nonsense'"],
      ["metadata.name=a=b", "invalid field selector: unescaped character in value: 61"],
      ["metadata.name=a\\x", "invalid field selector: invalid escape sequence: \\x"],
      ["metadata.name=a\\", "invalid field selector: invalid escape sequence: \\"],
    ] as const)
      assert.throws(() => parseFieldSelector(text), { name: "SelectorError", message: said });
  });
});

describe("image references", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  for (const [text, expected] of [
    ["nginx", { registry: "docker.io", repository: "library/nginx", tag: undefined, digest: undefined }],
    ["me/app:1", { registry: "docker.io", repository: "me/app", tag: "1", digest: undefined }],
    [
      `r.example:5000/a/b@${digest}`,
      { registry: "r.example:5000", repository: "a/b", tag: undefined, digest },
    ],
    ["localhost/x:y", { registry: "localhost", repository: "x", tag: "y", digest: undefined }],
  ] as const) {
    it(`${text} has its parts`, () => assert.deepEqual(parseImageReference(text), expected));
  }

  for (const text of ["", "UPPER", "a:b:c/d e", "a@sha256:12", "a b", "a//b", "r.example:5000/"]) {
    it(`${JSON.stringify(text)} is refused`, () => assert.ok("fault" in parseImageReference(text)));
  }
});
