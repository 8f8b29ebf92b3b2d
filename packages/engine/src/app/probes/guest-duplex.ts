import { Duplex } from "node:stream";
import type { GuestStream } from "../hypervisor.ts";

/** A connection in the guest, for clients that want one of Node's streams. */
export function guestDuplex(stream: GuestStream): Duplex {
  const pieces = stream.output[Symbol.asyncIterator]();
  return new Duplex({
    allowHalfOpen: true,
    read() {
      pieces.next().then(
        ({ done, value }) => this.push(done === true ? null : value.bytes),
        (error: Error) => this.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, callback) {
      stream.write(chunk).then(() => callback(), callback);
    },
    final(callback) {
      stream.end();
      callback();
    },
    destroy(error, callback) {
      stream.close();
      callback(error);
    },
  });
}
