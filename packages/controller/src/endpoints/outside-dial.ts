/**
 * Connections to addresses that users have written down for a Service: hand-made EndpointSlices and ExternalName. Who
 * may write those down need not be anybody whom this program's machine and network trust, so not all are dialled:
 *
 *   name or address ─► addresses ─► none of our own, none of a kind that is nobody's ─► connection
 *
 * It relies on this: what is connected to is the very address that was looked at, not the name again.
 */
import { BlockList, isIP, type Socket } from "node:net";
import { StatusError } from "@selvedge/apiserver";
import type { OutsidePlace } from "./service-backend.ts";

export interface OutsidePorts {
  /** The addresses of a name. */
  readonly lookup: (name: string) => Promise<readonly string[]>;
  /** Addresses and names that are this program's own: of its machine, and of what it keeps its objects in. */
  readonly own: () => readonly string[];
  readonly connect: (address: string, port: number) => Socket;
}

export type DialOutside = (place: OutsidePlace, signal: AbortSignal) => Promise<Socket>;

/** More addresses of one name are not tried: the first that may be dialled is. */
const addressesMax = 16;

/** Of the machine itself, of its link, of groups and of nobody; and IPv4 in other clothes, which could be any. */
const forbidden = {
  ipv4: subnets("ipv4", "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
  ipv6: subnets(
    "ipv6",
    "::/96",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "2002::/16",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
  ),
};

function subnets(family: "ipv4" | "ipv6", ...ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", prefix] = range.split("/");
    list.addSubnet(network, Number(prefix), family);
  }
  return list;
}

export function outsideDial({ lookup, own, connect }: OutsidePorts): DialOutside {
  const addressesOf = async (name: string): Promise<readonly string[]> =>
    isIP(name) === 0 ? await lookup(name) : [name];
  /** A name that leads nowhere has no address to keep anybody from. */
  const ownAddresses = async (): Promise<ReadonlySet<string>> => {
    const found = own().map((name) => addressesOf(name).catch(() => []));
    return new Set((await Promise.all(found)).flat().map(plain));
  };
  return async ({ host, port }, signal) => {
    const [found, ours] = await Promise.all([addressesOf(host), ownAddresses()]);
    signal.throwIfAborted();
    const address = found.slice(0, addressesMax).find((one) => mayDial(one) && !ours.has(plain(one)));
    if (address === undefined) throw refused(host);
    return await opened(connect(address, port), signal);
  };
}

/** Whether it is an address of somebody else's, as far as the address itself can tell. */
export function mayDial(address: string): boolean {
  const family = isIP(address) === 4 ? "ipv4" : "ipv6";
  return isIP(address) !== 0 && !address.includes("%") && !forbidden[family].check(address, family);
}

/** As everybody writes it, so that two ways to write one address are one. */
function plain(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address.split("%")[0]}]`).hostname : address;
}

function refused(host: string): StatusError {
  const why = `no address of ${host} may be dialled by the controller`;
  const what = "it is of its own machine or its database, or of a loopback, link-local or multicast network";
  return new StatusError(503, "ServiceUnavailable", `${why}: ${what}; give the Service another one`);
}

async function opened(socket: Socket, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const stop = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", stop));
  socket.once("error", reject);
  socket.once("connect", () => resolve(socket));
  return await promise;
}
