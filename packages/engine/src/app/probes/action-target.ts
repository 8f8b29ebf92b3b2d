import { isIPv4 } from "node:net";
import type { Guest } from "../hypervisor.ts";

/** Where a probe or hook acts: one container of a machine. */
export interface ActionTarget {
  readonly guest: Guest;
  readonly index: number;
  readonly user: string;
  readonly env: readonly string[];
  readonly cwd: string;
  readonly podIp: string;
}

/**
 * Where to connect to from inside the machine: its own loopback for what is its own, whatever it calls itself.
 * The app's network, not the node's, is what leads elsewhere. Throws for a name: nobody looks names up here.
 */
export function addressOf(host: string, { podIp }: ActionTarget): string | undefined {
  if (host === "" || host === "localhost" || host === podIp || host.startsWith("127.")) return undefined;
  if (isIPv4(host)) return host;
  throw new Error(`host ${host} is no IPv4 address; leave it out for the app itself`);
}

/** `warning`: it was no failure, but not what was asked for either. */
export type ActionResult =
  | { readonly ok: true; readonly warning?: string }
  | { readonly ok: false; readonly message: string };
