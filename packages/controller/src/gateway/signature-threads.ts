import { type KeyObject, verify } from "node:crypto";
import type { Envelope } from "@selvedge/eve-api";
import { dsaEncoding, isFit, type SignatureVerifier, signedBy } from "./authenticate.ts";

/**
 * Signatures under way beside the event loop: enough for every processor there may be, and few enough that the
 * files and names that are read by the same threads do not wait long (a signature takes a tenth of a millisecond).
 */
const waitingMax = 64;

/**
 * Verifies signatures on the threads that Node has besides its event loop, so that the loop answers others
 * meanwhile: the check is most of what a poll of a box of EVE costs. When these have enough to do it is done here
 * and now, which slows down whoever sends.
 */
export class SignatureThreads implements SignatureVerifier {
  #waiting = 0;

  verify(envelope: Envelope, key: KeyObject): boolean | Promise<boolean> {
    if (this.#waiting >= waitingMax || !isFit(key)) return signedBy(envelope, key);
    this.#waiting++;
    return new Promise((resolve, reject) => {
      const { payload, signature } = envelope;
      const told = once({ resolve, reject, left: () => this.#waiting-- });
      verify("sha256", payload, { key, dsaEncoding }, signature, told);
    });
  }
}

interface Waiting {
  readonly resolve: (isGood: boolean) => void;
  readonly reject: (error: Error) => void;
  readonly left: () => void;
}

/**
 * What Node keeps of a verified signature stays until all memory is collected. It is not to keep the request, too: that
 * was a kilobyte of each poll, and the larger the heap the dearer it was to collect them.
 */
function once(waiting: Waiting): (error: Error | null, isGood: boolean) => void {
  let waits: Waiting | undefined = waiting;
  return (error, isGood) => {
    const told = waits;
    waits = undefined;
    told?.left();
    if (error) told?.reject(error);
    else told?.resolve(isGood);
  };
}
