import { execFileSync } from "node:child_process";
import { parseAddress } from "../src/network/address.ts";

/**
 * An app tells everybody on its link that an address is its own, by a frame that no kernel would make for it
 * (RFC 4861, section 4.4, with the flag that replaces what is known).
 */
export function neighbourAdvert(namespace: string, source: string, address: string): void {
  const inside = ["ip", ["netns", "exec", namespace]] as const;
  const read = (name: string): string =>
    execFileSync(inside[0], [...inside[1], "cat", `/sys/class/net/eth0/${name}`], {
      encoding: "utf8",
    }).trim();
  const mac = read("address").replaceAll(":", "");
  const [from, target] = [source, address].map((it) => parseAddress(it).toString(16).padStart(32, "0"));
  const everybody = "ff020000000000000000000000000001";
  const body = `20000000${target}0201${mac}`;
  const sum = checksum(`${from}${everybody}000000200000003a88000000${body}`);
  const packet = `6000000000203aff${from}${everybody}8800${sum}${body}`;
  const lines = [
    "socket(my $s, 17, 3, 0x0300) or die $!",
    `my $to = pack('SnlSCCa8', 17, 0x86dd, ${read("ifindex")}, 1, 0, 6, '')`,
    `send($s, pack('H*', '333300000001${mac}86dd${packet}'), 0, $to) or die $!`,
  ];
  execFileSync(inside[0], [...inside[1], "perl", "-e", lines.join("; ")]);
}

function checksum(hex: string): string {
  let sum = 0;
  for (const word of hex.match(/.{4}/g) ?? []) sum += Number.parseInt(word, 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return (~sum & 0xffff).toString(16).padStart(4, "0");
}
