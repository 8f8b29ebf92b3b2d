import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type AccessFlags, accessOptions, accessUsage, parseAccessFlags } from "./access/access-flags.ts";
import { type Address, FlagError, parseAddress } from "./address.ts";
import { defaultServiceRange, parseServiceRange, type ServiceRange } from "./endpoints/service-range.ts";
import { defaultNodeRate } from "./gateway/rates.ts";

/** Where things are kept. */
export interface StoreFlags {
  readonly data: string;
  /** A PostgreSQL URL, or a file that holds one; undefined: SQLite in `data`. */
  readonly database: string | undefined;
  /** A file with the keys that secrets are sealed with; undefined: they are not. */
  readonly encryptionKeys: string | undefined;
}

/** What the controller is told on its command line. */
export interface Flags extends StoreFlags {
  readonly kubeListen: Address;
  readonly deviceListen: Address;
  /** Where nodes reach the device port; goes into certificates and into the configuration they get. */
  readonly advertiseDevice: Address;
  /** Where users reach the Kubernetes port; goes into the kubeconfig. */
  readonly advertiseKube: Address;
  /** Where other replicas on the same database reach this one. */
  readonly peer: Address;
  /** Where images and uploaded logs are kept. */
  readonly shared: string;
  /** What Services are given addresses of. */
  readonly serviceRange: ServiceRange;
  readonly access: AccessFlags;
  /** Reports a second that one node may send for long; Infinity for any number. */
  readonly nodeRate: number;
  /** Base URL of an OpenTelemetry collector that gets figures and logs. */
  readonly otlpEndpoint: URL | undefined;
  /** Whether the log tells of ordinary events too. */
  readonly verbose: boolean;
}

export const usage: string = `Usage: ./selvedge controller --data DIR [OPTION]…
       ./selvedge controller backup --data DIR [--database FILE|URL] --output FILE
       ./selvedge controller restore --data DIR [--database FILE|URL] [--encryption-keys FILE] --input FILE

Runs one controller: a Kubernetes API for users, the EVE API for nodes, an OCI registry for both.

backup copies objects, keys and all else but images and logs, as they are at one moment, while the controller goes
on. What is sealed stays sealed; the authority's keys are in it, so keep it as you keep those. restore puts a backup
in the place of what is there, on either database; no controller may run meanwhile. Revisions only go on, so that
clients list anew.

  --data DIR                 where everything is kept; made if missing (required)
  --kube-listen HOST:PORT    where users connect            (default 127.0.0.1:6443)
  --device-listen HOST:PORT  where nodes connect            (default 0.0.0.0:6444)
  --advertise-kube HOST:PORT   what the kubeconfig says     (default: --kube-listen)
  --advertise-device HOST:PORT what nodes are told to dial  (default: --device-listen)
  --database FILE|URL        keep objects in PostgreSQL, for several controllers at once: a postgres:// URL, or a
                             file that holds one, so that its password is on no command line
  --encryption-keys FILE     seal Secrets where they are kept; a line a key: NAME BASE64 (32 bytes), the newest first.
                             A key put before the others seals everything anew at the next start
  --peer HOST:PORT           where the other controllers on that database reach this one
                             (default: 127.0.0.1 and any port, for controllers on one machine)
  --shared DIR               where images and uploaded logs are kept; several controllers give the same network
                             folder, so that who takes over has them     (default: --data)
  --service-cluster-ip-range CIDR  what Services are given addresses of, of IPv4; several controllers give the same
                             (default: ${defaultServiceRange.cidr})
  --node-rate N              how many reports a second one node may send for long (a hundred times as many at once);
                             beyond, it is told to come back later. 0: any number      (default: ${defaultNodeRate})
${accessUsage}  --otlp-endpoint URL        send figures and logs to this OpenTelemetry collector, as OTLP/HTTP JSON
  --verbose                  log ordinary events too
  --help                     this text

It writes DIR/kubeconfig for its administrator. Its log goes to stderr, one JSON object a line. SIGTERM and SIGINT
stop it; running apps do not notice.
`;

const defaults = { kube: "127.0.0.1:6443", device: "0.0.0.0:6444" };

/** Parses the arguments after the program's name; "help" when that is all that was asked. */
export function parseFlags(args: readonly string[]): Flags | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: "string" },
      "kube-listen": { type: "string", default: defaults.kube },
      "device-listen": { type: "string", default: defaults.device },
      "advertise-kube": { type: "string" },
      "advertise-device": { type: "string" },
      database: { type: "string" },
      "encryption-keys": { type: "string" },
      peer: { type: "string", default: "127.0.0.1:0" },
      shared: { type: "string" },
      "service-cluster-ip-range": { type: "string", default: defaultServiceRange.cidr },
      "node-rate": { type: "string", default: `${defaultNodeRate}` },
      ...accessOptions,
      "otlp-endpoint": { type: "string" },
      verbose: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return "help";
  if (!values.data) throw new FlagError("--data: a folder is needed, like --data /var/lib/selvedge");
  const kubeListen = parseAddress(values["kube-listen"], "--kube-listen");
  const deviceListen = parseAddress(values["device-listen"], "--device-listen");
  if (kubeListen.port === deviceListen.port && kubeListen.port !== 0 && overlap(kubeListen, deviceListen)) {
    throw new FlagError(
      `--device-listen: port ${deviceListen.port} is the Kubernetes port already; choose another`,
    );
  }
  const advertiseKube = advertised("kube", values["advertise-kube"], kubeListen);
  const advertiseDevice = advertised("device", values["advertise-device"], deviceListen);
  const { data, database, shared = data, verbose } = values;
  const peer = parseAddress(values.peer, "--peer");
  if (isAny(peer.host))
    throw new FlagError(`--peer: nobody can dial ${peer.host}; give the address others reach`);
  const range = values["service-cluster-ip-range"];
  const serviceRange = parseServiceRange(range);
  if (serviceRange === undefined) {
    throw new FlagError(
      `--service-cluster-ip-range: ${range} is no range of IPv4 between /8 and /29; give one like 10.96.0.0/12`,
    );
  }
  const otlpEndpoint = collector(values["otlp-endpoint"]);
  return {
    ...{ data, kubeListen, deviceListen, advertiseKube, advertiseDevice },
    ...{ database, peer, shared, serviceRange, otlpEndpoint, verbose },
    encryptionKeys: values["encryption-keys"],
    nodeRate: parseNodeRate(values["node-rate"]),
    access: parseAccessFlags(values),
  };
}

function parseNodeRate(text: string): number {
  if (!/^\d{1,6}$/.test(text))
    throw new FlagError(
      `--node-rate: ${text} is no whole number; give reports a second, or 0 for any number`,
    );
  return Number(text) || Number.POSITIVE_INFINITY;
}

/** What `backup` and `restore` are told: where things are kept, and the file. */
export function parseUpkeepFlags(
  command: "backup" | "restore",
  args: readonly string[],
): StoreFlags & { readonly file: string } {
  const name = command === "backup" ? "output" : "input";
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { data: text, database: text, "encryption-keys": text, [name]: text },
  });
  const {
    data,
    database,
    "encryption-keys": encryptionKeys,
    [name]: file,
  } = values as Record<string, string | undefined>;
  if (!data) throw new FlagError("--data: the controller's folder is needed, like --data /var/lib/selvedge");
  if (!file) throw new FlagError(`--${name}: a file is needed, like --${name} /var/backups/selvedge.gz`);
  return { data, database, encryptionKeys, file };
}

/** What `--database` names: the URL itself, or the first line of a file. */
export function databaseUrl(text: string): string {
  if (isPostgres(text)) return text;
  let line: string;
  try {
    line = readFileSync(text, "utf8").split("\n")[0]?.trim() ?? "";
  } catch (cause) {
    throw new FlagError(`--database: ${text} is neither a postgres:// URL nor a file that can be read`, {
      cause,
    });
  }
  if (isPostgres(line)) return line;
  throw new FlagError(
    `--database: the first line of ${text} is no URL like postgres://user:password@host/database`,
  );
}

function isPostgres(text: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(text);
}

function collector(text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new FlagError(`--otlp-endpoint: ${text} is no URL; give one like http://127.0.0.1:4318`);
}

function advertised(side: string, text: string | undefined, listen: Address): Address {
  const flag = `--advertise-${side}`;
  if (text === undefined) {
    // Nobody can dial "any address"; on one machine the loopback is what was meant.
    return isAny(listen.host) ? { ...listen, host: listen.host === "::" ? "::1" : "127.0.0.1" } : listen;
  }
  const address = parseAddress(text, flag);
  if (isAny(address.host)) {
    throw new FlagError(`${flag}: nobody can dial ${address.host}; give the address others reach`);
  }
  if (address.port === 0) throw new FlagError(`${flag}: port 0 cannot be dialled; give the real one`);
  return address;
}

function isAny(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function overlap(one: Address, other: Address): boolean {
  return one.host === other.host || isAny(one.host) || isAny(other.host);
}
