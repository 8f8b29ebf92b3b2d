import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StatusError } from "../status-error.ts";
import { optionsIn } from "./deletes.ts";
import { deleteOptions, isGoTrue, listQuery, timeoutSeconds, writeOptions } from "./query.ts";

const parse = (text: string): unknown => {
  const query = new URLSearchParams(text);
  listQuery(query, undefined);
  timeoutSeconds(query);
  writeOptions("CreateOptions", query, false);
  return deleteOptions(query, undefined);
};

const goFault = "json: cannot unmarshal";

describe("what a query says that it cannot mean is refused", () => {
  const rows: readonly (readonly [query: string, code: number, message: RegExp])[] = [
    ["limit=", 400, /^strconv.ParseInt: parsing "": invalid syntax$/],
    ["limit=1.5", 400, /^strconv.ParseInt: parsing "1.5": invalid syntax$/],
    ["limit=9223372036854775808", 400, /parsing "9223372036854775808": value out of range$/],
    ["timeoutSeconds=", 400, /^strconv.ParseInt: parsing "": invalid syntax$/],
    ["gracePeriodSeconds=", 400, /^strconv.ParseInt: parsing "": invalid syntax$/],
    ["dryRun=&dryRun=All", 422, /dryRun: Unsupported value: \["","All"\]: supported values: "All"$/],
  ];
  for (const [query, code, message] of rows) {
    it(query, () => {
      assert.throws(
        () => parse(query),
        (error) => error instanceof StatusError && error.code === code && message.test(error.message),
      );
    });
  }

  const bodies: readonly (readonly [body: unknown, message: string])[] = [
    [[], "couldn't get version/kind; json parse error: the body of the request is no object"],
    [{ kind: "Foo" }, 'no kind "Foo" is registered for version "v1" in scheme "pkg/runtime/scheme.go:110"'],
    [
      { propagationPolicy: 5 },
      `${goFault} number into Go struct field DeleteOptions.propagationPolicy of type v1.DeletionPropagation`,
    ],
    [
      { preconditions: { uid: 5 } },
      `${goFault} number into Go struct field Preconditions.preconditions.uid of type types.UID`,
    ],
    [
      { preconditions: "x" },
      `${goFault} string into Go struct field DeleteOptions.preconditions of type v1.Preconditions`,
    ],
    [{ dryRun: "All" }, `${goFault} string into Go struct field DeleteOptions.dryRun of type []string`],
  ];
  for (const [body, message] of bodies) {
    it(`in a body: ${JSON.stringify(body)}`, () =>
      assert.throws(() => optionsIn(body), { code: 500, message }));
  }

  it("and what it can mean is taken", () => {
    assert.deepEqual(listQuery(new URLSearchParams("limit=-1"), undefined), { limit: -1 });
    assert.deepEqual(parse("uid=u&resourceVersion=4"), {
      preconditions: { uid: "u", resourceVersion: "4" },
    });
    // A body says all, or nothing is said.
    assert.deepEqual(optionsIn(null), {});
    assert.deepEqual(deleteOptions(new URLSearchParams("dryRun=All"), { preconditions: null }), {});
    const most = new URLSearchParams("limit=9223372036854775807&timeoutSeconds=9223372036854775807");
    assert.deepEqual([listQuery(most, undefined), timeoutSeconds(most)], [{ limit: 2 ** 63 }, 1_000_000]);
    assert.deepEqual(listQuery(new URLSearchParams("sendInitialEvents="), undefined), {
      sendInitialEvents: true,
    });
    const prettily = ["1", "T", "true", "", "x", "yes", "0"].map((text) => isGoTrue(text));
    assert.deepEqual(prettily, [true, true, true, false, false, false, false]);
    assert.deepEqual(parse("gracePeriodSeconds=%2B1&dryRun=All&propagationPolicy="), {
      ...{ gracePeriodSeconds: 1, propagationPolicy: "", dryRun: true },
    });
  });
});
