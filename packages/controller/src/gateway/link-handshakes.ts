import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Clock, type Log, type Random, seconds } from "@selvedge/base";
import { ext, type LinkSocket } from "@selvedge/eve-api";
import type { ConfigBook, LinkHub, NodeId } from "../ports.ts";
import { authenticate } from "./authenticate.ts";
import type { NodeDirectory } from "./node-directory.ts";
import type { RefusalReason } from "./refusals.ts";

export interface LinkHandshakesOptions {
  readonly directory: NodeDirectory;
  readonly book: ConfigBook;
  readonly hub: LinkHub;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly refused: (node: NodeId, reason: RefusalReason, message: string) => void;
  readonly seen: (node: NodeId) => void;
}

/** The highest version of the link's protocol that we speak. */
const version = 1;
const nonceLength = 32;
/** A node signs at once; a TPM takes a few hundred milliseconds at worst, and the network is the rest. */
const helloTimeout = seconds(20);
/** A hello is an envelope around a few numbers. */
const helloMax = 16 * 1024;
/** Connections that have not said who they are: a whole fleet that reconnects, and no more. */
const waitingMax = 5_000;

/**
 * From a WebSocket that anybody may dial to a link of a node: a nonce goes out, an envelope over it comes
 * back, signed by the device key. Nothing of it can be used twice.
 */
export class LinkHandshakes {
  readonly #options: LinkHandshakesOptions;
  #waiting = 0;

  constructor(options: LinkHandshakesOptions) {
    this.#options = options;
  }

  accept(node: NodeId, socket: LinkSocket): void {
    const { clock, random } = this.#options;
    if (this.#waiting >= waitingMax) {
      this.#refuse(node, socket, { reason: "rate", message: "too many links are being opened" });
      return;
    }
    const nonce = random.bytes(nonceLength);
    let over = false;
    const finish = (): void => {
      over = true;
      timer.cancel();
      this.#waiting--;
    };
    this.#waiting++;
    const timer = clock.setTimer(helloTimeout, () => {
      if (over) return;
      finish();
      this.#refuse(node, socket, { reason: "malformed", message: "no hello came in time" });
    });
    socket.onClose(() => {
      if (!over) finish();
    });
    socket.onMessage((message) => {
      if (over) return;
      finish();
      this.#hello(node, socket, nonce, message);
    });
    send(socket, { case: "challenge", value: create(ext.LinkChallengeSchema, { nonce, version }) });
  }

  #hello(node: NodeId, socket: LinkSocket, nonce: Uint8Array, message: Uint8Array): void {
    const { directory, book, hub, seen, log } = this.#options;
    const hello = judge(message, { node, nonce, directory });
    if ("reason" in hello) {
      this.#refuse(node, socket, hello);
      return;
    }
    seen(node);
    const configHash = book.current(node)?.hash ?? "";
    send(socket, {
      case: "welcome",
      value: create(ext.LinkWelcomeSchema, { configHash, takesStreams: true }),
    });
    log.debug("link accepted", { node, version: hello.version, engine: hello.engineVersion });
    hub.attach(node, socket);
  }

  #refuse(node: NodeId, socket: LinkSocket, { reason, message }: Fault): void {
    this.#options.refused(node, reason, message);
    socket.close();
  }
}

interface Fault {
  readonly reason: RefusalReason;
  readonly message: string;
}

interface Expected {
  readonly node: NodeId;
  readonly nonce: Uint8Array;
  readonly directory: NodeDirectory;
}

/** Whether the first frame of a connection is this node's answer to this nonce. */
function judge(message: Uint8Array, { node, nonce, directory }: Expected): ext.LinkHello | Fault {
  const envelope = helloOf(message);
  if (envelope === undefined) return { reason: "malformed", message: "the first frame is no hello" };
  const proved = authenticate(envelope, directory);
  if (proved.type === "refused") return proved.refused;
  if (proved.node.id !== node) return { reason: "identity", message: "the hello is another node's" };
  const hello = parseHello(proved.payload);
  if (hello === undefined || hello.nodeId.toLowerCase() !== node) {
    return { reason: "payload", message: "the hello names no node, or another one" };
  }
  if (Buffer.compare(hello.nonce, nonce) !== 0) {
    return { reason: "replay", message: "the hello answers another challenge" };
  }
  return hello;
}

function send(socket: LinkSocket, body: ext.LinkFrame["body"]): void {
  socket.send(toBinary(ext.LinkFrameSchema, create(ext.LinkFrameSchema, { body })));
}

function helloOf(message: Uint8Array): Uint8Array | undefined {
  if (message.length > helloMax) return undefined;
  try {
    const { body } = fromBinary(ext.LinkFrameSchema, message);
    return body.case === "hello" ? body.value : undefined;
  } catch {
    return undefined;
  }
}

function parseHello(payload: Uint8Array): ext.LinkHello | undefined {
  try {
    return fromBinary(ext.LinkHelloSchema, payload);
  } catch {
    return undefined;
  }
}
