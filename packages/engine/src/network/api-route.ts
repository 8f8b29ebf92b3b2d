/** The address at which apps look for the controller's API: turned to the bridge, as the metadata service's is. */
import type { ServiceSpec } from "./service-spec.ts";

export interface ApiRoute {
  readonly address: string;
  readonly port: number;
}

/** Where the node listens for it, on the bridges' own addresses, while the link is up. */
export const apiPort = 8776;

export function apiRoutes(services: readonly ServiceSpec[]): ApiRoute[] {
  return services.flatMap(({ address, ports }) =>
    ports.flatMap(({ protocol, port, controller }) =>
      controller === true && protocol === "tcp" && address !== "" ? [{ address, port }] : [],
    ),
  );
}

/** For the hook where packets of apps are turned, before any other service. */
export function apiTurns(
  routes: readonly ApiRoute[],
  networks: readonly { readonly bridge: string; readonly gateway: string }[],
): string {
  return networks
    .flatMap(({ bridge, gateway }) =>
      routes.map(
        ({ address, port }) =>
          `    iifname "${bridge}" ip daddr ${address} tcp dport ${port} dnat ip to ${gateway}:${apiPort}\n`,
      ),
    )
    .join("");
}

/** Of what apps may say to the node itself. */
export function apiAccepts(routes: readonly ApiRoute[]): string {
  return routes
    .map(({ address }) => `    ct original ip daddr ${address} tcp dport ${apiPort} accept\n`)
    .join("");
}
