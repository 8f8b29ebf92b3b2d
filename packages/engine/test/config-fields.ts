/** Which fields of a configuration the engine's translation looks at: found by letting it read, not by its text. */
import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { below, SeededRandom } from "@selvedge/base";
import { config } from "@selvedge/eve-api";
import { ConfigFault } from "../src/control/config-fault.ts";
import { translate } from "../src/control/translate.ts";
import { translateCertificates } from "../src/control/translate-certificates.ts";
import { translateDevices } from "../src/control/translate-devices.ts";
import { translateEdgeview } from "../src/control/translate-edgeview.ts";
import { translateNetworks } from "../src/control/translate-networks.ts";
import { translateNode } from "../src/control/translate-node.ts";
import { translatePatches } from "../src/control/translate-patches.ts";
import { translatePorts } from "../src/control/translate-ports.ts";

/** `Message.field` of all that a configuration is made of, without what is in fields that are `passed` over. */
export function allFields(passed: (field: string) => boolean = () => false): Set<string> {
  const [names, seen] = [new Set<string>(), new Set<string>()];
  const visit = (message: DescMessage): void => {
    if (seen.has(message.typeName) || message.typeName.startsWith("google.")) return;
    seen.add(message.typeName);
    for (const field of message.fields) {
      const name = `${message.name}.${field.name}`;
      names.add(name);
      if (field.message !== undefined && !passed(name)) visit(field.message);
    }
  };
  visit(config.EdgeDevConfigSchema);
  return names;
}

/** The whole, and what the whole comes to only when all before it makes sense. */
const parts: readonly ((message: config.EdgeDevConfig) => unknown)[] = [
  (message) => translate(message, "hash", () => Promise.reject(new Error("nothing is opened here"))),
  ...[translatePorts, translateNetworks, translateDevices, translateCertificates, translatePatches],
  ...[translateNode, translateEdgeview],
];

/** Enough for every value of every enum to have its turn, and every case of what can be one of several. */
const rounds = 2000;

/** The fields that were read while configurations were translated that say something in each field. */
export function readFields(): Set<string> {
  const [type, read] = [config.EdgeDevConfigSchema, new Set<string>()];
  for (let round = 0; round < rounds; round++) {
    const whole = watched(type, filled(type, new SeededRandom(round), 0), read) as config.EdgeDevConfig;
    for (const part of parts) {
      try {
        part(whole);
      } catch (error) {
        // What makes no sense is refused: what was read until then counts.
        if (!(error instanceof ConfigFault)) throw error;
      }
    }
  }
  return read;
}

/** One identity for all, so that everything refers to something that is there. */
const id = "0a1b2c3d-0000-4000-8000-00000000000a";
/** A message refers to one of its own kind no deeper. */
const depthMax = 8;

function filled(type: DescMessage, dice: SeededRandom, depth: number): Message {
  const init: Record<string, unknown> = {};
  const chosen = new Map(type.oneofs.map((oneof) => [oneof, below(dice, oneof.fields.length)]));
  for (const field of type.fields) {
    const { oneof } = field;
    if (field.message !== undefined && (depth >= depthMax || (!oneof && below(dice, 8) === 0))) continue;
    if (oneof === undefined) init[field.localName] = something(field, dice, depth);
    else if (oneof.fields[chosen.get(oneof) ?? 0] === field)
      init[oneof.localName] = { case: field.localName, value: something(field, dice, depth) };
  }
  return create(type, init as never);
}

function something(field: DescField, dice: SeededRandom, depth: number): unknown {
  if (field.fieldKind === "list" && below(dice, 4) === 0) return [];
  if (field.fieldKind === "list")
    return Array.from({ length: field.message?.name === "NetworkAdapter" ? 2 : 1 }, () =>
      field.message ? filled(field.message, dice, depth + 1) : plain(field, dice),
    );
  if (field.fieldKind === "map") return { ifname: "eth0", pcilong: "0000:01:00.0" };
  if (field.fieldKind === "message") return filled(field.message, dice, depth + 1);
  return plain(field, dice);
}

/** A value that makes sense as often as not: by the field's name where its type does not say enough. */
function plain(field: DescField, dice: SeededRandom): unknown {
  if (field.enum !== undefined) {
    // Cards of networks are most of what is configured.
    if (field.name === "ptype" && below(dice, 2) === 0) return [1, 5, 6][below(dice, 3)];
    const { values } = field.enum;
    return values[below(dice, values.length)]?.number;
  }
  const name = field.name.toLowerCase();
  if (!("scalar" in field) || field.scalar === undefined) return undefined;
  // As protobuf numbers its types.
  if (field.scalar === 8) return below(dice, 2) === 0;
  if (field.scalar === 12) return new Uint8Array(16);
  if (field.scalar !== 9) return [3, 4, 6, 16, 18].includes(field.scalar) ? 1n : numberOf(name, dice);
  // One that is not given makes another be looked at.
  return /identity|password|probe_address/.test(name) && below(dice, 2) === 0
    ? ""
    : textOf(name, field.parent.name, dice);
}

function numberOf(name: string, dice: SeededRandom): number {
  if (/mtu/.test(name)) return 1500;
  if (/vlan/.test(name)) return 5;
  return /mem/.test(name) ? 1_048_576 : below(dice, 2);
}

const matches = ["ip", "protocol", "lport", "fport", "host", "adapter"];

/** What ports can be on: a card, a VLAN of it, a bond. */
const labels: Readonly<Record<string, string>> = { PhysicalIO: "a", VlanAdapter: "v", BondAdapter: "b" };

function textOf(name: string, message: string, dice: SeededRandom): string {
  if (/subnet|prefix|_network$/.test(name)) return "10.1.0.0/24";
  if (/sha256/.test(name)) return "a".repeat(64);
  if (/url/.test(name)) return "http://files.example/x";
  if (/unit/.test(name)) return "second";
  if (/mac/.test(name)) return "02:00:00:00:00:01";
  if (/mount/.test(name)) return "/data";
  if (/gateway/.test(name)) return "10.1.0.1";
  if (/addr|dns|ntp|^start$|^end$|host|ip$/.test(name)) return "10.1.0.5";
  if (/profile_server$/.test(name)) return "10.1.0.9:8888";
  if (/value/.test(name)) return "80";
  if (/^type$/.test(name)) return matches[below(dice, matches.length)] ?? "";
  // Ports are on cards, or on what is made of cards.
  if (/^lower_?layer/.test(name))
    return message === "SystemAdapter" ? (["a", "v", "b"][below(dice, 3)] ?? "") : "a";
  if (/label/.test(name)) return labels[message] ?? "a";
  if (/name|grp/.test(name)) return "a";
  if (/^(dsid|file|kernel|ramdisk|extraargs|bootloader|rootdev|user|data)/.test(name)) return "";
  return id;
}

/** The message as it is, telling of each field that somebody asks for. */
function watched(type: DescMessage, message: object, read: Set<string>): object {
  let copied: PropertyKey | undefined;
  return new Proxy(message, {
    // Whoever copies all fields has not read any for that.
    getOwnPropertyDescriptor(target, key) {
      copied = key;
      return Reflect.getOwnPropertyDescriptor(target, key);
    },
    get(target, key): unknown {
      const value: unknown = Reflect.get(target, key);
      if (typeof key !== "string") return value;
      const oneof = type.oneofs.find(({ localName }) => localName === key);
      if (oneof !== undefined) return watchedCase(oneof.fields, type, value, read);
      const field = type.fields.find(({ localName }) => localName === key);
      if (field === undefined) return value;
      if (copied !== key) read.add(`${type.name}.${field.name}`);
      copied = undefined;
      return watchedValue(field, value, read);
    },
  });
}

function watchedCase(
  fields: readonly DescField[],
  type: DescMessage,
  value: unknown,
  read: Set<string>,
): unknown {
  const { case: name, value: inner } = value as { case?: string; value?: unknown };
  const field = fields.find(({ localName }) => localName === name);
  if (field === undefined) return value;
  read.add(`${type.name}.${field.name}`);
  return { case: name, value: watchedValue(field, inner, read) };
}

function watchedValue(field: DescField, value: unknown, read: Set<string>): unknown {
  const { message } = field;
  if (message === undefined || message.typeName.startsWith("google.") || value === undefined) return value;
  if (field.fieldKind === "list") return (value as object[]).map((it) => watched(message, it, read));
  return field.fieldKind === "message" ? watched(message, value as object, read) : value;
}
