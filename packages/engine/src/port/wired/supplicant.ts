/**
 * A wired port that proves to its switch who the node is (IEEE 802.1X): wpa_supplicant's configuration, what it says
 * while it tries, and what it tells when it is asked. Pure.
 */
import { X509Certificate } from "node:crypto";

/** What a switch is shown. PEM. */
export interface PortCredential {
  readonly certificate: string;
  readonly key: string;
  readonly chain: readonly string[];
}

export interface PortAuthentication extends PortCredential {
  readonly identity: string;
}

/** Files that the program is given open, without a name in any folder, by number; its configuration is 3. */
const files = { key: 4, certificate: 5, roots: 6 } as const;

export function wiredConfig(identity: string, controlFolder: string): string {
  const at = (file: number): string => `"/proc/self/fd/${file}"`;
  const lines = [
    "key_mgmt=IEEE8021X",
    "eap=TLS",
    "eapol_flags=0",
    `identity=${new TextEncoder().encode(identity).toHex()}`,
    `ca_cert=${at(files.roots)}`,
    `client_cert=${at(files.certificate)}`,
    `private_key=${at(files.key)}`,
  ];
  const block = lines.map((line) => `  ${line}\n`).join("");
  return `ctrl_interface=${controlFolder}\nap_scan=0\nnetwork={\n${block}}\n`;
}

/** What a switch calls the node that says no name of its own: its certificate's, or the first address in it. */
export function identityOf(certificate: string): string {
  const { subject, subjectAltName = "" } = new X509Certificate(certificate);
  const [, name] = /^CN=(.+)$/m.exec(subject) ?? [];
  const [, uri] = /(?:^|, )URI:([^,]+)/.exec(subjectAltName) ?? [];
  return name ?? uri ?? "";
}

export interface WiredProgress {
  /** The switch has asked who is there. */
  readonly asked: boolean;
  readonly authenticated: boolean;
  /** Why not, as far as is known. */
  readonly problem: string | undefined;
}

export const startedWired: WiredProgress = { asked: false, authenticated: false, problem: undefined };

export function withWiredEvent(before: WiredProgress, line: string): WiredProgress {
  if (line.includes("CTRL-EVENT-CONNECTED")) return { asked: true, authenticated: true, problem: undefined };
  if (line.includes("CTRL-EVENT-EAP-STARTED")) return { ...before, asked: true };
  const [, why] = /CTRL-EVENT-EAP-TLS-CERT-ERROR .*err='(.*)'/.exec(line) ?? [];
  if (why !== undefined)
    return { ...before, authenticated: false, problem: `the switch's certificate is not believed: ${why}` };
  if (line.includes("CTRL-EVENT-EAP-FAILURE"))
    return {
      ...{ asked: true, authenticated: false },
      problem: before.problem ?? "the switch does not let the node in by its certificate",
    };
  if (line.includes("CTRL-EVENT-DISCONNECTED"))
    return { ...before, authenticated: false, problem: before.problem ?? "the switch has ended the session" };
  return before;
}

export type SupplicantState =
  | "disconnected"
  | "connecting"
  | "authenticating"
  | "authenticated"
  | "held"
  | "failed";

/** Frames of the protocol, as the standard counts them. */
export interface SupplicantCounters {
  readonly received: number;
  readonly sent: number;
  readonly startsSent: number;
  readonly logoffsSent: number;
  readonly responsesSent: number;
  readonly identityRequests: number;
  readonly requests: number;
  readonly invalid: number;
  readonly lengthErrors: number;
}

export interface WiredState {
  readonly state: SupplicantState;
  readonly counters: SupplicantCounters;
  /** Milliseconds since 1970. */
  readonly authenticatedAt?: number;
  readonly problem?: string;
}

const states: Readonly<Record<string, SupplicantState>> = {
  ...{ LOGOFF: "disconnected", DISCONNECTED: "disconnected", RESTART: "connecting" },
  ...{ CONNECTING: "connecting", AUTHENTICATING: "authenticating", AUTHENTICATED: "authenticated" },
  ...{ HELD: "held", S_FORCE_AUTH: "authenticated", S_FORCE_UNAUTH: "failed" },
};

/** Of `wpa_cli status`. */
export function parseSupplicantState(status: string): SupplicantState {
  const values = parseLines(status);
  return states[values.get("Supplicant PAE state") ?? ""] ?? "disconnected";
}

/** Of `wpa_cli mib`. */
export function parseSupplicantCounters(mib: string): SupplicantCounters {
  const values = parseLines(mib);
  const of = (name: string): number => Number(values.get(`dot1xSupp${name}`) ?? 0) || 0;
  return {
    ...{ received: of("EapolFramesRx"), sent: of("EapolFramesTx"), startsSent: of("EapolStartFramesTx") },
    ...{ logoffsSent: of("EapolLogoffFramesTx"), responsesSent: of("EapolRespFramesTx") },
    ...{ identityRequests: of("EapolReqIdFramesRx"), requests: of("EapolReqFramesRx") },
    ...{ invalid: of("InvalidEapolFramesRx"), lengthErrors: of("EapLengthErrorFramesRx") },
  };
}

function parseLines(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split("\n").flatMap((line): [string, string][] => {
      const at = line.indexOf("=");
      return at < 0 ? [] : [[line.slice(0, at).trim(), line.slice(at + 1).trim()]];
    }),
  );
}
