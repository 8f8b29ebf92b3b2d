import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { instant } from "@selvedge/base";
import { decodeEnvelope } from "@selvedge/eve-api";
import { bundles } from "./device-log.ts";
import { bundleMax, type LogEntry, logBundle, logLine } from "./log-bundle.ts";

const http = join(import.meta.dirname, "../../../../eve-api/testdata/eve/http");

function recorded(exchange: string): Uint8Array {
  const body = readFileSync(join(http, exchange, "request.body"));
  return decodeEnvelope(new Uint8Array(body)).payload;
}

interface GzipParts {
  readonly flags: number;
  readonly time: number;
  readonly text: string;
  readonly lines: string[];
}

function parts(file: Uint8Array): GzipParts {
  const view = Buffer.from(file);
  const end = view.indexOf(0, 10);
  return {
    flags: view[3] ?? 0,
    time: view.readUInt32LE(4),
    text: view.subarray(10, end).toString("latin1"),
    lines: gunzipSync(file).toString().split("\n").slice(0, -1),
  };
}

const at = instant(Date.UTC(2026, 10, 24, 17, 23, 56, 250));
const entry: LogEntry = {
  ...{ severity: "info", source: "engine", iid: "", content: "hello", msgid: 7 },
  ...{ tags: {}, at, function: "" },
};

describe("a bundle of logs", () => {
  for (const [kind, exchange, flags] of [
    ["device", "031-post-newlogs-201", 0x10],
    ["app", "033-post-newlogs-201", 0x08],
  ] as const)
    it(`of ${kind === "app" ? "an app" : "the device"} has the form that EVE sends`, () => {
      const theirs = parts(recorded(exchange));
      assert.equal(theirs.flags, flags);
      const about =
        kind === "app"
          ? ({ kind, name: theirs.text } as const)
          : ({
              kind,
              node: JSON.parse(theirs.text).devID,
              version: JSON.parse(theirs.text).eveVersion,
            } as const);
      const ours = parts(logBundle(about, theirs.lines, instant(theirs.time * 1000)));
      assert.deepEqual({ ...ours, text: "" }, { ...theirs, text: "" });
      if (kind === "app") assert.equal(ours.text, theirs.text);
      else assert.deepEqual(Object.keys(JSON.parse(ours.text)), Object.keys(JSON.parse(theirs.text)));
      // Each line has fields of Go's struct and no others, and its time as Go has it.
      const known = Object.keys(JSON.parse(logLine({ ...entry, iid: "i", tags: { a: "b" }, function: "f" })));
      for (const line of theirs.lines) {
        const fields = JSON.parse(line) as Record<string, unknown>;
        for (const name of Object.keys(fields)) assert.ok([...known, "filename"].includes(name), name);
        assert.equal(typeof (fields["timestamp"] as { seconds?: unknown }).seconds, "number");
      }
    });

  it("keeps only what a gzip header can hold", () => {
    assert.equal(
      parts(logBundle({ kind: "app", name: "caf\u00e9 \u0000\u4e2d" }, [], at)).text,
      "caf\u00e9 ??",
    );
  });
});

describe("a line", () => {
  it("is what Go would write", () => {
    assert.equal(
      logLine(entry),
      '{"severity":"info","source":"engine","content":"hello","msgid":7,' +
        '"timestamp":{"seconds":1795541036,"nanos":250000000}}',
    );
  });

  it("is cut before it is longer than readers take", () => {
    assert.ok(logLine({ ...entry, content: "\u0001".repeat(1_000_000) }).length < 65_536);
  });
});

describe("bundles", () => {
  it("stay under the bound that uploaders have, and lose nothing", () => {
    let state = 1;
    const noise = (): string => {
      let text = "";
      while (text.length < 1000) {
        state = (state * 48_271) % 2_147_483_647;
        text += state.toString(36);
      }
      return text;
    };
    const lines = Array.from({ length: 300 }, noise);
    const made = bundles(lines, (some) => logBundle({ kind: "app", name: "a" }, some, at));
    assert.ok(made.length > 1);
    for (const file of made) assert.ok(file.length <= bundleMax);
    assert.deepEqual(
      made.flatMap((file) => parts(file).lines),
      lines,
    );
  });
});
