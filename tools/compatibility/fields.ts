/** The table of what a configuration can ask for in vain in docs/compatibility.md, made from what the engine tells. */
import { meaningless, unsupported } from "../../packages/engine/src/control/unapplied-fields.ts";

export function fieldLines(): readonly string[] {
  return [
    "| field that is not applied | what is done with it |",
    "|---|---|",
    ...Object.entries(unsupported).map(([field, why]) => `| \`${field}\` | told as not supported: ${why} |`),
    ...Object.entries(meaningless).map(([field, why]) => `| \`${field}\` | nothing: ${why} |`),
  ];
}
