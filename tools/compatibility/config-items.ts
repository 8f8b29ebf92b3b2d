/** The table of config items in docs/compatibility.md, made from what both ends have of them. */

import { notApplied, usualValue } from "../../packages/engine/src/control/settings/config-items.ts";
import { settingFault, settingNames } from "../../packages/kinds/src/eve-settings.ts";

export function configItemLines(): readonly string[] {
  return [
    "| item | controller takes | default | engine |",
    "|---|---|---|---|",
    ...settingNames.map(
      (name) => `| \`${name}\` | ${controllerTakes(name)} | ${shown(usual(name))} | ${engineDoes(name)} |`,
    ),
  ];
}

/** In the words of the fault that anything else gets. */
function controllerTakes(name: string): string {
  const fault = settingFault(keyOf(name), "\0") ?? "text";
  return fault.replace(/^must be /, "").replace(", inclusive", "");
}

function engineDoes(name: string): string {
  const told = notApplied(keyOf(name));
  if (told === undefined) return "applied";
  return told.inForce === usual(name) ? `not: ${told.why}` : `not, it is ${shown(told.inForce)}: ${told.why}`;
}

function usual(name: string): string | undefined {
  return usualValue(keyOf(name));
}

function keyOf(name: string): string {
  return name.replace("<name>", "zedagent");
}

function shown(value: string | undefined): string {
  if (value === undefined) return "unknown to the engine";
  return value === "" ? "–" : `\`${value}\``;
}
