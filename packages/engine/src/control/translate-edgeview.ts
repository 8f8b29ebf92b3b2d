import type { config } from "@selvedge/eve-api";
import type { EdgeviewSpec } from "../desired.ts";

/** What is not said is not allowed. */
export function translateEdgeview({ edgeview }: config.EdgeDevConfig): { edgeview?: EdgeviewSpec } {
  if (edgeview === undefined || edgeview.token === "") return {};
  return {
    edgeview: {
      token: edgeview.token,
      certificates: edgeview.dispCertPem.map((pem) => new TextDecoder().decode(pem)),
      allowDevice: edgeview.devPolicy?.allowDev ?? false,
      allowApp: edgeview.appPolicy?.allowApp ?? false,
      allowExternal: edgeview.extPolicy?.allowExt ?? false,
      generation: edgeview.generationId,
    },
  };
}
