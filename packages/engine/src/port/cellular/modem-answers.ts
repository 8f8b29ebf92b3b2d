/** What ModemManager's mmcli says, as JSON, and how it is asked to connect. Pure. */
import type { ModemLogin, ModemState, Place } from "../port-driver.ts";

/** A modem as it is. */
export interface Modem extends ModemState {
  /** Linux' names of the cards it speaks by. */
  readonly cards: readonly string[];
  /** `disabled`, `registered`, `connected` … */
  readonly state: string;
  /** Why it can do nothing; empty: it can. */
  readonly failure: string;
  readonly simSlot: number;
  readonly bearers: readonly string[];
}

/** What a network gave for one connection. */
export interface Bearer {
  readonly connected: boolean;
  readonly card: string;
  readonly apn: string;
  /** The card asks its network by DHCP; else these are its own. */
  readonly asks: boolean;
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly dns: readonly string[];
}

/** Numbers of the modems that there are. */
export function parseModemList(text: string): string[] {
  const { "modem-list": paths = [] } = JSON.parse(text) as { "modem-list"?: string[] };
  return paths.map((path) => path.slice(path.lastIndexOf("/") + 1));
}

export function parseModem(text: string): Modem {
  const { modem } = JSON.parse(text) as { modem?: Record<string, Record<string, unknown>> };
  const [generic = {}, mobile = {}] = [modem?.["generic"], modem?.["3gpp"]];
  const state = word(generic["state"]);
  const unlock = word(generic["unlock-required"]);
  const reason = word(generic["state-failed-reason"]);
  return {
    cards: words(generic["ports"]).flatMap((port) => /^(\S+) \(net\)$/.exec(port)?.[1] ?? []),
    ...{ state, failure: failureOf(state, unlock, reason) },
    simSlot: Number(word(generic["primary-sim-slot"])) || 0,
    bearers: words(generic["bearers"]).map((path) => path.slice(path.lastIndexOf("/") + 1)),
    imei: word(mobile["imei"]) || word(generic["equipment-identifier"]),
    ...{ manufacturer: word(generic["manufacturer"]), model: word(generic["model"]) },
    firmware: word(generic["revision"]),
    protocol: /mbim/i.test(words(generic["ports"]).join()) ? "mbim" : "qmi",
    operator: { plmn: word(mobile["operator-code"]), name: word(mobile["operator-name"]) },
    roaming: word(mobile["registration-state"]) === "roaming",
    technologies: words(generic["access-technologies"]),
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

export function parseBearer(text: string): Bearer {
  const { bearer } = JSON.parse(text) as { bearer?: Record<string, Record<string, unknown>> };
  const [status = {}, properties = {}] = [bearer?.["status"], bearer?.["properties"]];
  const families = [bearer?.["ipv4-config"] ?? {}, bearer?.["ipv6-config"] ?? {}];
  const fixed = families.filter((it) => word(it["method"]) === "static" && word(it["address"]) !== "");
  return {
    connected: word(status["connected"]) === "yes",
    card: word(status["interface"]),
    apn: word(properties["apn"]),
    asks: families.some((it) => word(it["method"]) === "dhcp"),
    addresses: fixed.map((it) => `${word(it["address"])}/${word(it["prefix"])}`),
    gateways: fixed.flatMap((it) => word(it["gateway"]) || []),
    dns: families.flatMap((it) => words(it["dns"])),
  };
}

/** Undefined where the receiver does not know. */
export function parsePlace(text: string): Omit<Place, "at"> | undefined {
  const { modem } = JSON.parse(text) as { modem?: { location?: { gps?: Record<string, unknown> } } };
  const gps = modem?.location?.gps ?? {};
  const number = (value: unknown): number | undefined => {
    const said = word(value).replace(",", ".");
    return said === "" || !Number.isFinite(Number(said)) ? undefined : Number(said);
  };
  const [latitude, longitude] = [number(gps["latitude"]), number(gps["longitude"])];
  if (latitude === undefined || longitude === undefined) return undefined;
  if (Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return undefined;
  return { latitude, longitude, altitude: number(gps["altitude"]) };
}

/** The value of `--simple-connect`. Throws for what it has no form for. */
export function connectArgument(login: ModemLogin): string {
  const { apn, user, password, authentication, roaming, family } = login;
  const parts = [`apn=${quoted(apn)}`, `allow-roaming=${roaming ? "yes" : "no"}`, `ip-type=${family}`];
  if (authentication !== "none")
    parts.push(
      `allowed-auth=${authentication.replace("-", "|")}`,
      ...[`user=${quoted(user)}`, `password=${quoted(password)}`],
    );
  return parts.join(",");
}

function quoted(text: string): string {
  const mark = ['"', "'"].find((it) => !text.includes(it));
  if (mark === undefined || /[\n\\]/.test(text))
    throw new Error("an APN, a name or a password with both kinds of quotes or a backslash cannot be given");
  return `${mark}${text}${mark}`;
}

/** ModemManager writes two dashes where there is nothing. */
function word(value: unknown): string {
  return typeof value === "string" && value !== "--" ? value : "";
}

function words(value: unknown): string[] {
  return Array.isArray(value) ? value.map(word).filter((it) => it !== "") : [];
}
