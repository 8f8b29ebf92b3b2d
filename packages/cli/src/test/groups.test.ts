import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { it } from "node:test";
import { checkout } from "../layout.ts";
import { filesOfGroup, groupNames } from "./groups.ts";

it("every test of the checkout belongs to one group", () => {
  const all = globSync("{packages,tests,tools}/**/*.test.ts", {
    cwd: checkout,
    exclude: (path) => path.includes("node_modules"),
  });
  assert.ok(all.length > 100, `only ${all.length} tests were found`);
  assert.deepEqual(groupNames.flatMap(filesOfGroup).sort(), all.sort());
});
