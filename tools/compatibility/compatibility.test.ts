/** Holds docs/compatibility.md against the code, so that it tells what there is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  itemKeys,
  notApplied,
  usualValue,
  valueFault,
} from "../../packages/engine/src/control/settings/config-items.ts";
import { endpoints } from "../../packages/eve-api/src/index.ts";
import { settingFault, settingNames } from "../../packages/kinds/src/eve-settings.ts";
import { ourSchema } from "../../tests/interop/eve-schema/our-schema.ts";
import { filesBelow, readSource, withoutComments } from "../sources.ts";
import { configItemLines } from "./config-items.ts";
import { fieldLines } from "./fields.ts";
import { page, type Row, rowsUnder, withTable } from "./page.ts";

const text = readFileSync(page, "utf8");
const messageRows = rowsUnder(text, "Messages");

/** How a cell begins that says a program has nothing to do with a message. */
const unused = /^(–|not rendered|not read|not sent|not asked|not answered|accepted, not kept|refused with)/;

describe("docs/compatibility.md", () => {
  it("has every endpoint", () => {
    const listed = rowsUnder(text, "Endpoints").flatMap(({ names }) => names);
    const ours = Object.values(endpoints).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(listed.filter((name) => / /.test(name)).sort(), ours.sort());
  });

  it("has every message once", async () => {
    const { messages } = await ourSchema();
    const outer = messages.filter(({ parent }) => parent === undefined).map(({ name }) => name);
    assert.deepEqual(messageRows.flatMap(({ names }) => names).sort(), outer.sort());
  });

  it("has every config item, and what the engine does with it", () => {
    assert.equal(settingNames.length, 130);
    const fresh = withTable(text, configItemLines());
    assert.equal(text, fresh, "run node tools/compatibility/write.ts");
  });

  it("has every field of a configuration that is not applied", () => {
    assert.equal(text, withTable(text, fieldLines()), "run node tools/compatibility/write.ts");
  });

  it("has config items that controller and engine bound alike", () => {
    assert.deepEqual(settingNames.filter((name) => !name.includes("<")).sort(), [...itemKeys].sort());
    const values = ["-1", "0", "1", "4", "5", "20", "60", "300", "3600", "3601", "86401", "4294967295"];
    const isNumber = (text: string): boolean => /^-?\d+$/.test(text);
    for (const key of itemKeys)
      for (const value of [...values, "4294967296", "true", "false", "none", usualValue(key) ?? ""])
        if (isNumber(value) === isNumber(usualValue(key) ?? ""))
          if (isNumber(value) || settingFault(key, value) !== undefined)
            // The engine looks closer at texts.
            assert.equal(
              valueFault(key, value) === undefined,
              settingFault(key, value) === undefined,
              `${key} ${value}`,
            );
  });

  it("calls exactly those config items applied that the engine reads", () => {
    const code = filesBelow("packages/engine/src", [".ts"])
      .filter((path) => !path.endsWith(".test.ts") && !path.endsWith("settings/item-table.ts"))
      .map((path) => withoutComments(readSource(path).text))
      .join("\n");
    const wrong = itemKeys.filter((key) => code.includes(`"${key}"`) === (notApplied(key) !== undefined));
    assert.deepEqual(wrong, []);
  });

  for (const program of ["controller", "engine"] as const) {
    it(`calls no message unused that the ${program} uses`, () => {
      const sources = filesBelow(`packages/${program}/src`, [".ts"])
        .filter((path) => !path.endsWith(".test.ts"))
        .map((path) => ({ path, code: withoutComments(readSource(path).text) }));
      const wrong = messageRows
        .filter((row: Row) => unused.test(row[program]))
        .flatMap(({ names }) => names)
        .flatMap((name) => {
          // As code names a message: in the namespace of its topic.
          const mention = new RegExp(`\\b[a-z]\\w*\\.${name}(?:Schema)?\\b`);
          const found = sources.find(({ code }) => mention.test(code));
          return found === undefined ? [] : [`${name}: ${found.path} uses it; say there what it does`];
        });
      assert.deepEqual(wrong, []);
    });
  }
});
