/** Writes the table of config items anew into docs/compatibility.md: `node tools/compatibility/write.ts`. */
import { readFileSync, writeFileSync } from "node:fs";
import { configItemLines } from "./config-items.ts";
import { page, withConfigItems } from "./page.ts";

writeFileSync(page, withConfigItems(readFileSync(page, "utf8"), configItemLines()));
