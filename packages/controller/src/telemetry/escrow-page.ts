/**
 * What is kept of a node's storage keys, and a human's word on it.
 *
 *   kubectl get    --raw  /api/v1/nodes/NAME/proxy/escrow
 *   kubectl create --raw '/api/v1/nodes/NAME/proxy/escrow?prefer=ID' -f /dev/null
 *   kubectl create --raw '/api/v1/nodes/NAME/proxy/escrow?keep=8' -f /dev/null
 */
import { StatusError } from "@selvedge/apiserver";
import { escrowBytesMax, type KeyEscrow } from "../gateway/key-escrow.ts";
import type { NodeId } from "../ports.ts";

export interface EscrowPage {
  read(node: NodeId): unknown;
  /** Does what the query says and returns what is kept then. */
  change(node: NodeId, query: URLSearchParams): unknown;
}

export function escrowPage(
  escrow: KeyEscrow,
  /** The hash of its certificate in hexadecimal. */
  ownerOf: (node: NodeId) => string | undefined,
  /** What is shown of it elsewhere may be another now. */
  changed: (node: NodeId) => void,
): EscrowPage {
  const read = (node: NodeId): unknown => {
    const owner = ownerOf(node) ?? "";
    return { bytes: escrow.fill(owner).bytes, bytesMax: escrowBytesMax, items: escrow.shown(owner) };
  };
  return {
    read,
    change(node, query) {
      const owner = ownerOf(node) ?? "";
      const [keep, prefer] = [query.get("keep"), query.get("prefer")];
      if ((keep === null) === (prefer === null))
        throw badRequest("say either keep=NUMBER, which drops all older sets, or prefer=ID");
      if (prefer !== null && !escrow.prefer(owner, prefer))
        throw badRequest(`prefer: there is no set ${prefer.slice(0, 64)}; see what there is by GET`);
      if (keep !== null) {
        if (!/^[1-9]\d{0,5}$/.test(keep)) throw badRequest("keep: must be a whole number, 1 or more");
        escrow.prune(owner, Number(keep));
      }
      changed(node);
      return read(node);
    },
  };
}

function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}
