/** What ModemManager's mmcli says, as JSON, and how it is asked to connect. Pure. */
import type { ModemLogin, Place } from "../port-driver.ts";
import type { AttachAccess } from "../port-spec.ts";
import { type ModemModes, parseModes } from "./modem-modes.ts";
import type {
  BearerKind,
  IpFamilies,
  ModemBearer,
  ModemMode,
  ModemProfile,
  ModemSelf,
  RadioTechnology,
  SignalFigures,
  SimCard,
} from "./modem-state.ts";

/** A modem as it is. */
export interface Modem extends ModemSelf {
  /** Linux' names of the cards it speaks by. */
  readonly cards: readonly string[];
  /** `disabled`, `registered`, `connected` … */
  readonly state: string;
  /** Why it can do nothing; empty: it can. */
  readonly failure: string;
  readonly simSlot: number;
  /** Numbers of its connections, that by which it is known to its network last. */
  readonly bearers: readonly string[];
  readonly slots: readonly SimSlot[];
  /** The APN it becomes known to a network by; empty: it does not say. */
  readonly attachApn: string;
  /** As it is told to use technologies. */
  readonly modes: string;
  readonly supportedModes: readonly ModemModes[];
}

export interface SimSlot {
  readonly slot: number;
  /** Its card is the one that is used. */
  readonly primary: boolean;
  /** By which its card is asked; undefined: it cannot be, or there is none. */
  readonly number: string | undefined;
  /** There is a card, as far as the modem tells. */
  readonly filled: boolean;
  /** The card does not do what it should. */
  readonly broken: boolean;
}

/** What a network gave for one connection. */
export interface Bearer extends ModemBearer {
  readonly card: string;
  /** The card asks its network by DHCP; else these are its own. */
  readonly asks: boolean;
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly dns: readonly string[];
}

type Words = Readonly<Record<string, unknown>>;

/** Numbers of the modems that there are. */
export function parseModemList(text: string): string[] {
  const { "modem-list": paths = [] } = JSON.parse(text) as { "modem-list"?: string[] };
  return paths.map(numberOf);
}

/** More than a modem has. */
const slotsMax = 8;
const bearersMax = 8;
const profilesMax = 32;

export function parseModem(text: string): Modem {
  const { modem } = JSON.parse(text) as { modem?: Record<string, Words> };
  const [generic = {}, mobile = {}] = [modem?.["generic"], modem?.["3gpp"]];
  const state = word(generic["state"]);
  const unlock = word(generic["unlock-required"]);
  const reason = word(generic["state-failed-reason"]);
  const ports = words(generic["ports"]);
  const device = word(generic["primary-port"]);
  const registration = word(mobile["registration-state"]);
  const simSlot = Number(word(generic["primary-sim-slot"])) || 0;
  const initial = wordsOf(wordsOf(mobile["eps"])["initial-bearer"]);
  const attach = word(initial["dbus-path"]);
  const bearers = words(generic["bearers"]).slice(0, bearersMax);
  const places = word(generic["device"]).split("/");
  return {
    cards: ports.flatMap((port) => /^(\S+) \(net\)$/.exec(port)?.[1] ?? []),
    ...{ state, failure: failureOf(state, unlock, reason), mode: modeOf(state, generic), simSlot, device },
    bearers: [...bearers, attach].filter((path) => path.length > 1).map(numberOf),
    attachApn: word(wordsOf(initial["settings"])["apn"]),
    modes: word(generic["current-modes"]),
    supportedModes: words(generic["supported-modes"]).flatMap((text) => parseModes(text) ?? []),
    slots: slotsOf(generic, simSlot || 1, state === "failed" ? reason : ""),
    imei: word(mobile["imei"]) || word(generic["equipment-identifier"]),
    ...{ manufacturer: word(generic["manufacturer"]), model: word(generic["model"]) },
    firmware: word(generic["revision"]),
    protocol: protocolOf(ports, device),
    usb: places.findLast((it) => /^\d+-\d+(\.\d+)*$/.test(it))?.replace("-", ":") ?? "",
    pci: places.findLast((it) => /^[\da-f]{4}:[\da-f]{2}:[\da-f]{2}\.\d$/i.test(it)) ?? "",
    operator: { plmn: word(mobile["operator-code"]), name: word(mobile["operator-name"]) },
    roaming: registration.startsWith("roaming"),
    forbidden: registration === "denied",
    technologies: technologiesOf(words(generic["access-technologies"])),
    ...signalPart(wordsOf(generic["signal-quality"])),
  };
}

function failureOf(state: string, unlock: string, reason: string): string {
  if (unlock === "sim-pin" || unlock === "sim-puk")
    return `the SIM card asks for its ${unlock.slice(4).toUpperCase()}; take the lock off it`;
  if (state !== "failed") return "";
  return reason === "sim-missing"
    ? "there is no SIM card in it"
    : `it failed: ${reason || "without a reason"}`;
}

/** In steps, so that what differs each time is not told each time. */
function signalPart(said: Words): Pick<Modem, "signal"> {
  const percent = decimal(said["value"]);
  return percent === undefined ? {} : { signal: Math.floor(percent / 10) * 10 };
}

function modeOf(state: string, generic: Words): ModemMode {
  if (["off", "low"].includes(word(generic["power-state"]))) return "silent";
  if (state === "connected") return "connected";
  if (state === "registered" || state === "connecting") return "online";
  return state === "unknown" ? "unknown" : "offline";
}

/** Of the port it is controlled by; a modem that names none is known by any of them. */
function protocolOf(ports: readonly string[], device: string): Modem["protocol"] {
  const control = ports.filter((port) => device === "" || port.startsWith(`${device} `)).join();
  return /\(mbim\)/i.test(control) ? "mbim" : /\(qmi\)/i.test(control) ? "qmi" : "other";
}

const technologies: readonly (readonly [RadioTechnology, RegExp])[] = [
  ["5gnr", /^5gnr/],
  ["lte", /^lte/],
  ["umts", /^(umts|hs)/],
  ["gsm", /^(gsm|gprs|edge)/],
];

function technologiesOf(all: readonly string[]): RadioTechnology[] {
  return technologies.flatMap(([name, form]) => (all.some((it) => form.test(it)) ? [name] : []));
}

function slotsOf(generic: Words, primary: number, reason: string): SimSlot[] {
  const single = word(generic["sim"]);
  const paths = words(generic["sim-slots"]).slice(0, slotsMax);
  const listed = paths.length > 0 ? paths : single === "" ? [] : [single];
  if (listed.length === 0 && reason === "sim-missing") listed.push("/");
  return listed.map((path, at) => {
    const isPrimary = at + 1 === primary;
    // A slot may be told as empty although its card, without a profile perhaps, can be asked.
    const asked = path.length > 1 ? path : isPrimary ? single : "";
    return {
      ...{ slot: at + 1, primary: isPrimary, filled: path.length > 1 },
      ...{ number: asked === "" ? undefined : numberOf(asked), broken: isPrimary && reason === "sim-error" },
    };
  });
}

export function emptySlot({ slot, primary, broken }: SimSlot): SimCard {
  const state = broken ? "error" : "absent";
  return { ...{ slot, active: primary, iccid: "", imsi: "", kind: "unknown" }, state };
}

export function parseSim(text: string, { slot, primary, filled, broken }: SimSlot): SimCard {
  const { sim } = JSON.parse(text) as { sim?: { properties?: Words } };
  const said = sim?.properties ?? {};
  const active = word(said["active"]) === "" ? primary : word(said["active"]) === "yes";
  const type = word(said["sim-type"]);
  const isPhysical = type === "physical";
  // Who is asked often does not know; only a card that is built in has a number of that kind.
  const isEmbedded = type === "esim" || (!isPhysical && word(said["eid"]) !== "");
  const isThere = isEmbedded ? word(said["esim-status"]) === "with-profiles" : filled;
  return {
    ...{ slot, active, iccid: word(said["iccid"]), imsi: word(said["imsi"]) },
    kind: isEmbedded ? "embedded" : isPhysical ? "physical" : "unknown",
    state: broken ? "error" : !active ? "inactive" : isThere ? "present" : "absent",
  };
}

export function parseBearer(text: string): Bearer {
  const { bearer } = JSON.parse(text) as { bearer?: Record<string, Words> & { type?: unknown } };
  const [status = {}, properties = {}] = [bearer?.["status"], bearer?.["properties"]];
  const families = [bearer?.["ipv4-config"] ?? {}, bearer?.["ipv6-config"] ?? {}];
  const fixed = families.filter((it) => word(it["method"]) === "static" && word(it["address"]) !== "");
  const connected = word(status["connected"]) === "yes";
  const failed = wordsOf(status["connection-error"]);
  return {
    ...{ connected, kind: bearerKinds[word(bearer?.type)] ?? "unknown" },
    error: [word(failed["name"]), word(failed["message"])].filter((it) => it !== "").join(": "),
    since: connected ? Number(word(wordsOf(bearer?.["stats"])["start-date"])) || 0 : 0,
    families: familiesOf(word(properties["ip-type"])),
    card: word(status["interface"]),
    apn: word(properties["apn"]),
    asks: families.some((it) => word(it["method"]) === "dhcp"),
    addresses: fixed.map((it) => `${word(it["address"])}/${word(it["prefix"])}`),
    gateways: fixed.flatMap((it) => word(it["gateway"]) || []),
    dns: families.flatMap((it) => words(it["dns"])),
  };
}

const bearerKinds: Readonly<Record<string, BearerKind>> = {
  ...{ default: "default", "default-attach": "attach", dedicated: "dedicated" },
};

function familiesOf(text: string): IpFamilies {
  return (["ipv4v6", "ipv4", "ipv6"] as const).find((it) => it === text) ?? "";
}

/** Whether it measures its signal at all, and how that is. */
export function parseSignal(
  text: string,
  used: readonly RadioTechnology[],
): { readonly measures: boolean; readonly figures: SignalFigures } {
  const { modem } = JSON.parse(text) as { modem?: { signal?: Record<string, Words> } };
  const all = modem?.signal ?? {};
  // Two may be in use at a time, of which the newer does not tell everything.
  const asked = used.map((it) => all[it === "5gnr" ? "5g" : it] ?? {});
  const figures = (["rssi", "rsrq", "rsrp", "snr"] as const).flatMap((name): [string, number][] => {
    const said = asked.map((it) => decimal(it[name])).find((it) => it !== undefined);
    return said === undefined ? [] : [[name, Math.trunc(said)]];
  });
  return { measures: word(all["refresh"]?.["rate"]) !== "0", figures: Object.fromEntries(figures) };
}

/** What ends a value in a list that has no other mark: the next of these. */
const profileKeys =
  "profile-(?:id|name|enabled|source)|apn(?:-type)?|ip-type|access-type-preference|roaming-allowance|" +
  "allowed-auth|user|password";

/** Names and passwords in it are left where they are. */
export function parseProfiles(text: string): ModemProfile[] {
  const { modem } = JSON.parse(text) as { modem?: { "3gpp"?: { "profile-manager"?: { list?: unknown } } } };
  const lines = words(modem?.["3gpp"]?.["profile-manager"]?.list).slice(0, profilesMax);
  return lines.map((line) => {
    const parts = line.split(new RegExp(`, (?=(?:${profileKeys}): )`));
    const said = (key: string): string =>
      parts.find((part) => part.startsWith(`${key}: `))?.slice(key.length + 2) ?? "";
    const purpose = said("apn-type");
    const allowance = said("roaming-allowance");
    return {
      ...{ name: said("profile-name") || `profile-id:${said("profile-id")}`, apn: said("apn") },
      kind: /\binitial\b/.test(purpose)
        ? "attach"
        : /\bdefault\b/.test(purpose)
          ? "default"
          : purpose === ""
            ? "unknown"
            : "dedicated",
      families: familiesOf(said("ip-type")),
      roaming: allowance === "" || /partner/.test(allowance),
    };
  });
}

/** Undefined where the receiver does not know. */
export function parsePlace(text: string): Omit<Place, "at"> | undefined {
  const { modem } = JSON.parse(text) as { modem?: { location?: { gps?: Words } } };
  const gps = modem?.location?.gps ?? {};
  const [latitude, longitude] = [decimal(gps["latitude"]), decimal(gps["longitude"])];
  if (latitude === undefined || longitude === undefined) return undefined;
  if (Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return undefined;
  return { latitude, longitude, altitude: decimal(gps["altitude"]) };
}

/** The value of `--simple-connect`. Throws for what it has no form for. */
export function connectArgument(login: ModemLogin): string {
  const { apn, roaming, family } = login;
  const parts = [`apn=${quoted(apn)}`, `allow-roaming=${roaming ? "yes" : "no"}`, `ip-type=${family}`];
  return [...parts, ...loginParts(login)].join(",");
}

/** The value of `--3gpp-set-initial-eps-bearer-settings`. Throws for what it has no form for. */
export function attachArgument(
  { apn, family, authentication }: AttachAccess,
  { attachUser: user = "", attachPassword: password = "" }: ModemLogin,
): string {
  const parts = [`apn=${quoted(apn)}`, ...(family === "" ? [] : [`ip-type=${family}`])];
  return [...parts, ...loginParts({ authentication, user, password })].join(",");
}

function loginParts({
  authentication,
  user,
  password,
}: Pick<ModemLogin, "authentication" | "user" | "password">): string[] {
  if (authentication === "none") return [];
  const how = `allowed-auth=${authentication.replace("-", "|")}`;
  return [how, `user=${quoted(user)}`, `password=${quoted(password)}`];
}

function quoted(text: string): string {
  const mark = ['"', "'"].find((it) => !text.includes(it));
  if (mark === undefined || /[\n\\]/.test(text))
    throw new Error("an APN, a name or a password with both kinds of quotes or a backslash cannot be given");
  return `${mark}${text}${mark}`;
}

/** By which mmcli is asked for a thing that it has named. */
function numberOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** ModemManager writes two dashes where there is nothing. */
function word(value: unknown): string {
  return typeof value === "string" && value !== "--" ? value : "";
}

function words(value: unknown): string[] {
  return Array.isArray(value) ? value.map(word).filter((it) => it !== "") : [];
}

function wordsOf(value: unknown): Words {
  return typeof value === "object" && value !== null ? (value as Words) : {};
}

/** Undefined where none is said. Some write it as their country does. */
function decimal(value: unknown): number | undefined {
  const said = word(value).replace(",", ".");
  return said === "" || !Number.isFinite(Number(said)) ? undefined : Number(said);
}
