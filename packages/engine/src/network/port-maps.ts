/** Where ports of the node lead, as maps of nftables: each to its app, or to whoever of a service's is ready. Pure. */
import { addressType, type Family, familyOf } from "./address.ts";
import { ledChains, type ServiceRoute } from "./services.ts";

/** A port of the node that leads to an app's. */
export interface PortRule {
  readonly protocol: "tcp" | "udp";
  readonly nodePort: number;
  readonly address: string;
  readonly appPort: number;
  /** Cards it is on; undefined: on every one. */
  readonly interfaces: readonly string[] | undefined;
  /** Addresses of those cards, by which the node's own apps reach it. */
  readonly addresses: readonly string[];
  /** The service's route that it is a port of, with others. */
  readonly route?: string | undefined;
}

/** Ends the names of what there is once a family. */
const suffix = { ip: "", ip6: "6" } as const;

export function portMaps(
  families: readonly Family[],
  ports: readonly PortRule[],
  services: readonly ServiceRoute[],
): string {
  const { served, plain } = divide(ports, services);
  const leads = ({ address, appPort }: PortRule): string => `${address} . ${appPort}`;
  const maps = families.map((family) => {
    const type = addressType[family];
    const own = plain.filter(({ address }) => familyOf(address) === family);
    return maps3(`ports`, suffix[family], type, `${type} . inet_service`, own, leads);
  });
  if (served.length > 0) {
    const chains = ledChains(services);
    const verdict = ({ route }: PortRule): string => `goto ${chains.get(route ?? "")}`;
    maps.push(maps3("served_ports", "", addressType.ip, "verdict", served, verdict));
  }
  return maps.join("");
}

/** For the hooks where packets are turned: what comes in by a card, and what the node itself says. */
export function portTurns(
  inputs: Parameters<typeof portMaps>,
  inside: string,
): { readonly incoming: string; readonly own: string } {
  const [families, ports, services] = inputs;
  const byPort = "meta l4proto . th dport";
  const led = (before: string, key: string, map: string): string[] => [
    ...(divide(ports, services).served.length === 0
      ? []
      : [`    ${before}${key.replace("FAMILY", "ip")} vmap @served_${map}\n`]),
    ...families.map(
      (it) => `    ${before}dnat ${it} to ${key.replace("FAMILY", it)} map @${map}${suffix[it]}\n`,
    ),
  ];
  const own = [...led("", `FAMILY daddr . ${byPort}`, "ports_by_address"), ...led("", byPort, "ports")];
  const incoming = [
    ...led("", `iifname . ${byPort}`, "ports_by_card"),
    ...led(inside, `FAMILY daddr . ${byPort}`, "ports_by_address"),
    ...led("", byPort, "ports"),
  ];
  return { incoming: incoming.join(""), own: own.join("") };
}

/** A service's leads to those of its apps that are ready, and nowhere while none is; any other to its app. */
function divide(
  ports: readonly PortRule[],
  services: readonly ServiceRoute[],
): { readonly served: readonly PortRule[]; readonly plain: readonly PortRule[] } {
  const chains = ledChains(services);
  return {
    served: ports.filter(({ route }) => route !== undefined && chains.has(route)),
    plain: ports.filter(({ route }) => route === undefined),
  };
}

function maps3(
  name: string,
  end: string,
  addresses: string,
  value: string,
  rules: readonly PortRule[],
  leads: (rule: PortRule) => string,
): string {
  const map = (by: string, key: string, keysOf: (rule: PortRule) => readonly string[]): string => {
    // Of those that share a port the first counts.
    const elements = new Map<string, string>();
    for (const rule of rules)
      for (const first of keysOf(rule)) {
        const whole = `${first}${rule.protocol} . ${rule.nodePort}`;
        if (!elements.has(whole)) elements.set(whole, leads(rule));
      }
    const lines = [...elements].map(([whole, where]) => `${whole} : ${where}`);
    return `  map ${name}${by}${end} {
    type ${key}inet_proto . inet_service : ${value}
${lines.length === 0 ? "" : `    elements = { ${lines.join(", ")} }\n`}  }
`;
  };
  return [
    map("", "", ({ interfaces }) => (interfaces === undefined ? [""] : [])),
    map("_by_card", "ifname . ", ({ interfaces }) => (interfaces ?? []).map((card) => `"${card}" . `)),
    map("_by_address", `${addresses} . `, (rule) => rule.addresses.map((own) => `${own} . `)),
  ].join("");
}
