/** Writes the tables that the code has anew into docs/compatibility.md: `node tools/compatibility/write.ts`. */
import { readFileSync, writeFileSync } from "node:fs";
import { configItemLines } from "./config-items.ts";
import { fieldLines } from "./fields.ts";
import { page, withTable } from "./page.ts";

writeFileSync(page, withTable(withTable(readFileSync(page, "utf8"), configItemLines()), fieldLines()));
