/** What of the network is this program's own, and how it reaches the rest. */
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { databaseUrl } from "../flags.ts";
import type { OutsidePorts } from "./outside-dial.ts";

export function outsidePorts(database: string | undefined): OutsidePorts {
  const hosts = database === undefined ? [] : hostsOf(databaseUrl(database));
  return {
    lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
    own: () => [
      ...hosts,
      ...Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address)),
    ],
    connect: (host, port) => connect({ host, port }),
  };
}

/** Where a database is, as its URL says; a socket in the file system is no place of the network. */
function hostsOf(url: string): string[] {
  const { hostname, searchParams } = new URL(url);
  const named = [
    hostname.replace(/^\[|\]$/g, ""),
    ...searchParams.getAll("host"),
    ...searchParams.getAll("hostaddr"),
  ];
  return named.map(decodeURIComponent).filter((host) => host !== "" && !host.startsWith("/"));
}
