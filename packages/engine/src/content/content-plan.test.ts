import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hours, instant, millis, seconds } from "@selvedge/base";
import type { ContentId, ContentSpec } from "../desired.ts";
import {
  type ContentInputs,
  type ContentStep,
  nextFailure,
  planContent,
  planGarbage,
} from "./content-plan.ts";

const wanted: ContentSpec = {
  id: "c" as ContentId,
  format: "container",
  url: "shop/till:1",
  sha256: "",
  maxSizeBytes: 0,
  datastores: [],
};
const stored = {
  hash: "aa",
  path: "p",
  digest: "sha256:aa",
  imageId: "r@sha256:aa",
  sizeBytes: 1,
  config: null,
};
const failure = {
  ...{ reason: "ErrImagePull", message: "m", failures: 1 },
  ...{ retryAt: instant(100), failedAt: instant(0) },
};
const base: ContentInputs = {
  wanted,
  held: false,
  policy: "if-not-present",
  remembered: { url: wanted.url, hash: "aa" },
  stored,
  asked: false,
  failure: undefined,
  longest: seconds(600),
  tooDear: undefined,
  keep: millis(0),
  unwantedSince: instant(0),
  now: instant(0),
};

const unread = { field: "contentInfo[0].URL", message: "is empty", goesOn: false };
const blank: ContentSpec = { ...wanted, url: "", unread };

const cases: [string, Partial<ContentInputs>, ContentStep][] = [
  [
    "fetches nothing by an entry that cannot be read",
    { wanted: blank, stored: undefined },
    { action: "unread", unread },
  ],
  ["uses what is here of such a one", { wanted: blank }, { action: "use", stored }],
  [
    "fetches what it was before",
    { wanted: { ...wanted, unread: { ...unread, goesOn: true } }, stored: undefined },
    { action: "fetch", fallback: undefined },
  ],
  ["forgets what nobody wants", { wanted: undefined }, { action: "forget" }],
  ["keeps what an app may go back to", { wanted: undefined, held: true }, { action: "use", stored }],
  ["fetches nothing for it", { wanted: undefined, held: true, stored: undefined }, { action: "forget" }],
  ["uses what is there", {}, { action: "use", stored }],
  ["asks once a start with Always", { policy: "always" }, { action: "fetch", fallback: stored }],
  ["is content after asking", { policy: "always", asked: true }, { action: "use", stored }],
  [
    "never asks for a pinned digest again",
    { policy: "always", wanted: { ...wanted, sha256: "aa" } },
    { action: "use", stored },
  ],
  ["fetches what is missing", { stored: undefined }, { action: "fetch", fallback: undefined }],
  [
    "does not use what another tag stood for",
    { remembered: { url: "shop/till:0", hash: "aa" } },
    { action: "fetch", fallback: undefined },
  ],
  [
    "asks again for another generation of it",
    { wanted: { ...wanted, generation: 1 } },
    { action: "fetch", fallback: undefined },
  ],
  ["refuses with Never", { policy: "never", stored: undefined }, { action: "refuse" }],
  ["uses what is there with Never", { policy: "never" }, { action: "use", stored }],
  ["waits out a failure", { stored: undefined, failure }, { action: "wait", failure, wait: millis(100) }],
  [
    "does not wait for a calendar that was set back",
    { stored: undefined, failure: { ...failure, failedAt: instant(1) } },
    { action: "fetch", fallback: undefined },
  ],
  [
    "waits no longer than is said now, whatever was said when it failed",
    { stored: undefined, failure: { ...failure, retryAt: instant(hours(1)) }, longest: seconds(60) },
    {
      ...{ action: "wait", wait: seconds(60) },
      failure: { ...failure, retryAt: instant(hours(1)) },
    },
  ],
  [
    "fetches nothing by a way that costs too much",
    { stored: undefined, tooDear: "lte costs 9" },
    { action: "spare", why: "lte costs 9" },
  ],
  [
    "uses what is there instead of asking again by it",
    { policy: "always", tooDear: "x" },
    { action: "use", stored },
  ],
  [
    "keeps for a while what nobody wants",
    { wanted: undefined, keep: seconds(9), now: instant(seconds(4)) },
    { action: "keep", stored, wait: seconds(5) },
  ],
  ["and not longer", { wanted: undefined, keep: seconds(9), now: instant(seconds(9)) }, { action: "forget" }],
  [
    "tries again after it",
    { stored: undefined, failure, now: instant(100) },
    { action: "fetch", fallback: undefined },
  ],
];

describe("planContent", () => {
  for (const [name, inputs, step] of cases)
    it(name, () => assert.deepEqual(planContent({ ...base, ...inputs }), step));
});

describe("nextFailure", () => {
  it("backs off by name from the second time on", () => {
    const first = nextFailure(undefined, "ErrImagePull", "x", instant(0), millis(5));
    assert.deepEqual([first.reason, first.retryAt], ["ErrImagePull", 5]);
    assert.equal(nextFailure(first, "ErrImagePull", "x", instant(0), millis(5)).reason, "ImagePullBackOff");
    assert.equal(
      nextFailure(first, "InvalidImageName", "x", instant(0), millis(5)).reason,
      "InvalidImageName",
    );
  });
});

describe("planGarbage", () => {
  const inputs = {
    used: new Set(["a"]),
    present: ["a", "b"],
    unusedSince: new Map(),
    pressure: false,
    grace: hours(1),
    now: instant(1),
  };
  it("remembers first, removes after the grace", () => {
    const first = planGarbage(inputs);
    assert.deepEqual(first, { remove: [], unusedSince: new Map([["b", 1]]) });
    const later = planGarbage({ ...inputs, unusedSince: first.unusedSince, now: instant(1 + hours(1)) });
    assert.deepEqual(later.remove, ["b"]);
  });
  it("spares nothing unused under pressure", () => {
    assert.deepEqual(planGarbage({ ...inputs, pressure: true }).remove, ["b"]);
  });
});
