import type { Brand } from "@selvedge/base";

/** A name, and mostly an address, by which apps reach others of their node, whoever of them is ready. */
export interface ServiceSpec {
  /** Whole: `web.default.svc.cluster.local`. */
  readonly name: string;
  /** Leads to one of the targets of the port that is asked; empty: the name has the members' addresses. */
  readonly address: string;
  readonly ports: readonly ServicePort[];
  readonly members: readonly ServiceTarget[];
  /** A client stays with its target while there is the same choice. */
  readonly sticky: boolean;
  /** Targets are so before they are ready. */
  readonly unready: boolean;
  /** It is another host's name and leads nowhere itself. */
  readonly externalName?: string;
}

export interface ServicePort {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly targets: readonly ServiceTarget[];
  /** Leads over the link to the controller's API, whatever the targets. */
  readonly controller?: boolean;
  /** A port of the node that leads to those targets whose apps map it. */
  readonly nodePort?: number;
  /** It is told of by this name, too. */
  readonly name?: string;
}

/** As desired.ts has it, which names these. */
type AppId = Brand<string, "AppId">;

/** An app of the node, or an address of somebody else. */
export type ServiceTarget = {
  readonly port: number;
  /** A name of its own below the service's; empty: none. */
  readonly hostname: string;
} & ({ readonly appId: AppId } | { readonly address: string });
