/** Whether a value can be one of an item's, and what an item is when nobody says. Pure. */
import {
  agentItems,
  type ChoiceKey,
  choices,
  type ItemKey,
  type NumberKey,
  numbers,
  type SwitchKey,
  switches,
  type TextForm,
  type TextKey,
  texts,
  unused,
} from "./item-table.ts";

const numberOf = (key: string): readonly [number, number, number] | undefined =>
  Object.hasOwn(numbers, key) ? numbers[key as NumberKey] : undefined;
const switchOf = (key: string): boolean | undefined =>
  Object.hasOwn(switches, key) ? switches[key as SwitchKey] : undefined;
const choiceOf = (key: string): string | undefined =>
  Object.hasOwn(choices, key) ? choices[key as ChoiceKey] : undefined;
const textOf = (key: string): readonly [string, TextForm] | undefined =>
  Object.hasOwn(texts, key) ? texts[key as TextKey] : undefined;

/** Every item with a name of its own; those of one agent are made of its name. */
export const itemKeys: readonly ItemKey[] = [
  ...Object.keys(numbers),
  ...Object.keys(switches),
  ...Object.keys(choices),
  ...Object.keys(texts),
] as ItemKey[];

export function isKnown(key: string): boolean {
  return usualValue(key) !== undefined;
}

/** EVE's value when the configuration has none; undefined when there is no such item. */
export function usualValue(key: string): string | undefined {
  const value = numberOf(key)?.[0] ?? switchOf(key) ?? choiceOf(key) ?? textOf(key)?.[0];
  if (value !== undefined) return String(value);
  return agentOf(key) === undefined ? undefined : "info";
}

export interface AgentItem {
  readonly agent: string;
  readonly item: string;
}

/** `agent.zedagent.debug.loglevel` taken apart. */
export function agentOf(key: string): AgentItem | undefined {
  const [, agent, item] = /^agent\.([\w-]{1,64})\.(.+)$/.exec(key) ?? [];
  return agent === undefined || item === undefined || !agentItems.includes(item)
    ? undefined
    : { agent, item };
}

/** Settings in force by key, as the desired state has them; EVE's own value where it has none. */
type InForce = ReadonlyMap<string, string>;

export function numberIn(settings: InForce | undefined, key: NumberKey): number {
  return Number(settings?.get(key) ?? usualValue(key));
}

export function switchIn(settings: InForce | undefined, key: SwitchKey): boolean {
  return readSwitch(settings?.get(key) ?? usualValue(key) ?? "") === true;
}

/** Why nothing is done with it, and what is so in its place. */
export function notApplied(key: string): { readonly why: string; readonly inForce: string } | undefined {
  const entry = unused[key as ItemKey];
  return entry && { why: entry[0], inForce: entry[1] ?? usualValue(key) ?? "" };
}

/** What is wrong with a value of a known item; undefined when nothing is. */
export function valueFault(key: string, value: string): string | undefined {
  const range = numberOf(key);
  if (range !== undefined) {
    const [, least, most] = range;
    const fits = /^\d{1,10}$/.test(value) && Number(value) >= least && Number(value) <= most;
    return fits ? undefined : `${quoted(value)} is not a whole number from ${least} to ${most}`;
  }
  if (switchOf(key) !== undefined)
    return readSwitch(value) === undefined ? `${quoted(value)} is neither true nor false` : undefined;
  if (choiceOf(key) !== undefined)
    return /^(none|enabled|disabled)$/.test(value)
      ? undefined
      : `${quoted(value)} is none of none, enabled, disabled`;
  const form = textOf(key)?.[1] ?? "level";
  const [fits, words] = forms[form];
  return fits(value) ? undefined : `${quoted(value)} is not ${words}`;
}

/** As Go reads a bool, which is how EVE does. */
export function readSwitch(value: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  return /^(0|f|F|false|FALSE|False)$/.test(value) ? false : undefined;
}

/** Enough of a value to find it by. */
const shownMax = 64;

function quoted(value: string): string {
  return JSON.stringify(value.length > shownMax ? `${value.slice(0, shownMax)}…` : value);
}

/** A field of cron: `*`, a number, a range, a list, a step. */
const cronField = /^(\*|\d{1,2}(-\d{1,2})?)(\/\d{1,2})?(,(\*|\d{1,2}(-\d{1,2})?)(\/\d{1,2})?)*$/;

const drainPolicies = [
  "block-if-contains-last-replica",
  "allow-if-replica-is-stopped",
  "always-allow",
  "block-for-eviction",
  "block-for-eviction-if-contains-last-replica",
];

/** Up to what a screen of 16 MiB of memory shows. */
export const resolutionForm: RegExp =
  /^(640|800|1024|1152|1280|1360|1366|1400|1440|1600|1680|1920)x(480|600|720|768|800|864|900|960|1024|1050|1080|1200)$/;

const forms: Readonly<Record<TextForm, readonly [fits: (value: string) => boolean, words: string]>> = {
  any: [() => true, "text"],
  cron: [
    (value) => {
      const fields = value.trim().split(/\s+/);
      return fields.length === 5 && fields.every((field) => cronField.test(field));
    },
    "five fields of cron, such as 0 2 * * 6,0",
  ],
  level: [
    (value) => /^(panic|fatal|error|warn|warning|info|debug|trace|none|all)$/i.test(value),
    "a level: panic, fatal, error, warning, info, debug, trace, none or all",
  ],
  syslog: [
    (value) => /^(emerg|alert|crit|err|warning|notice|info|debug|none|all)$/i.test(value),
    "a level of syslog: emerg, alert, crit, err, warning, notice, info, debug, none or all",
  ],
  boot: [(value) => /^(usb|nousb)?$/.test(value), "usb, nousb or nothing"],
  resolution: [
    (value) => value === "" || resolutionForm.test(value),
    "a resolution such as 1920x1080, from 640x480 to 1920x1200, or nothing",
  ],
  gop: [(value) => /^([\w-]+(\.[\w-]+)*)?$/.test(value), "the name of a file, without a path"],
  base64: [(value) => /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value), "base64"],
  url: [
    (value) => /^(https?:\/\/)?[A-Za-z0-9._-]+(:\d{1,5})?(\/\S*)?$/.test(value),
    "a host, or a URL of http or https",
  ],
  k3s: [(value) => /^(v\d+\.\d+\.\d+\+k3s\d+)?$/.test(value), "a version such as v1.28.5+k3s1"],
  drain: [(value) => drainPolicies.includes(value), "one of Longhorn's node drain policies"],
};
