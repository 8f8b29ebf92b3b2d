/** The table of config items in docs/compatibility.md, made from what both ends have of them. */

import { Settings } from "../../packages/engine/src/control/settings.ts";
import type { DesiredState } from "../../packages/engine/src/desired.ts";
import { Cell } from "../../packages/engine/src/engine-store.ts";
import { settingFault, settingNames } from "../../packages/kinds/src/eve-settings.ts";

/** One of these is what any item may be set to. */
const samples = ["true", "none", "info", "60", "300", "21600", "104857600", "1000", "5", "1", "0", ""];

export function configItemLines(): readonly string[] {
  return [
    "| item | controller takes | engine |",
    "|---|---|---|",
    ...settingNames.map((name) => `| \`${name}\` | ${controllerTakes(name)} | ${engineDoes(name)} |`),
  ];
}

/** In the words of the fault that anything else gets. */
function controllerTakes(name: string): string {
  const fault = settingFault(name.replace("<name>", "zedagent"), "\0") ?? "text";
  return fault.replace(/^must be /, "").replace(", inclusive", "");
}

function engineDoes(name: string): string {
  const key = name.replace("<name>", "zedagent");
  const value = samples.find((sample) => settingFault(key, sample) === undefined) ?? "";
  const desired = { settings: new Map([[key, value]]) } as unknown as DesiredState;
  const { known, unknown } = new Settings(new Cell<DesiredState | undefined>(desired)).status();
  const told = known[key] ?? unknown[key];
  if (told === undefined) return "not reported";
  if (known[key] === undefined) return "reported as unknown";
  return told.error === "" ? "applied" : `reported: ${told.error}`;
}
