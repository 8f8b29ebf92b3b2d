export interface PortRule {
  readonly protocol: "tcp" | "udp";
  readonly nodePort: number;
  readonly address: string;
  readonly appPort: number;
}

export interface RulesetInputs {
  readonly prefix: string;
  readonly networks: readonly { readonly bridge: string; readonly subnet: string }[];
  readonly plugs: readonly { readonly tap: string; readonly mac: string; readonly address: string }[];
  readonly ports: readonly PortRule[];
}

/** The names of our two tables. */
export function tableNames(prefix: string): readonly [family: string, table: string][] {
  return [
    ["bridge", `${prefix}_plugs`],
    ["inet", `${prefix}_node`],
  ];
}

/**
 * What apps may do, as one transaction for nft.
 *
 * On the bridge: a plug speaks with its own addresses only, and never to another plug. On the node: apps
 * reach the outside through NAT, of the node itself only DHCP and DNS, and nobody reaches an app but by a
 * declared port, by an answer, or from the node itself (probes, port-forward).
 */
export function renderRuleset(inputs: RulesetInputs): string {
  const { prefix, networks, plugs, ports } = inputs;
  const [[, plugTable], [, nodeTable]] = tableNames(prefix) as [[string, string], [string, string]];
  const elements = ports.map((it) => `${it.protocol} . ${it.nodePort} : ${it.address} . ${it.appPort}`);
  return `table bridge ${plugTable}
delete table bridge ${plugTable}
table bridge ${plugTable} {
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
${plugs.map(antiSpoof).join("")}  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname "${prefix}t*" oifname "${prefix}t*" drop
  }
}
table inet ${nodeTable}
delete table inet ${nodeTable}
table inet ${nodeTable} {
  map ports {
    type inet_proto . inet_service : ipv4_addr . inet_service
${elements.length === 0 ? "" : `    elements = { ${elements.join(", ")} }\n`}  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local dnat ip to meta l4proto . th dport map @ports
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ip daddr != 127.0.0.0/8 fib daddr type local dnat ip to meta l4proto . th dport map @ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${networks.map((it) => `    ip saddr ${it.subnet} oifname != "${it.bridge}" masquerade\n`).join("")}  }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "${prefix}b*" jump from_apps
  }
  chain from_apps {
    ct state established,related accept
    udp dport { 53, 67 } accept
    tcp dport 53 accept
    drop
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname != "${prefix}b*" oifname != "${prefix}b*" accept
    ct state established,related accept
    ct status dnat accept
    oifname "${prefix}b*" drop
    accept
  }
}
`;
}

function antiSpoof({ tap, mac, address }: RulesetInputs["plugs"][number]): string {
  return `    iifname "${tap}" ether saddr != ${mac} drop
    iifname "${tap}" ether type != { ip, arp } drop
    iifname "${tap}" arp saddr ip != { ${address}, 0.0.0.0 } drop
    iifname "${tap}" ip saddr != { ${address}, 0.0.0.0 } drop
`;
}
