/**
 * What Adam passes on of a device as it comes. Read this way and not afterwards: for a device without any
 * message yet, Adam answers the plain form of the same question without end.
 */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import type { JsonValue } from "@bufbuild/protobuf";
import { waitFor } from "../../../packages/harness/src/real/wait.ts";

export class AdamStream<T> implements Disposable {
  readonly messages: T[] = [];
  readonly #incoming: IncomingMessage;

  private constructor(incoming: IncomingMessage, parse: (json: JsonValue) => T) {
    this.#incoming = incoming;
    let rest = "";
    incoming.setEncoding("utf8").on("error", () => undefined);
    incoming.on("data", (part: string) => {
      const lines = (rest + part).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") this.messages.push(parse(JSON.parse(line)));
    });
  }

  static async open<T>(url: string, ca: string, parse: (json: JsonValue) => T): Promise<AdamStream<T>> {
    const outgoing = request(url, { ca, agent: false, headers: { "x-stream": "true" } });
    outgoing.end();
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    outgoing.on("error", () => undefined);
    if (incoming.statusCode !== 200) throw new Error(`Adam answers ${url} with ${incoming.statusCode}`);
    return new AdamStream(incoming, parse);
  }

  /** A place in the stream: what comes after it is new. */
  get mark(): number {
    return this.messages.length;
  }

  /** The first message from `mark` on that fits. */
  async next<R>(what: string, fits: (message: T) => R | undefined, mark = 0): Promise<R> {
    return await waitFor(what, async () => {
      for (const message of this.messages.slice(mark)) {
        const found = fits(message);
        if (found !== undefined) return found;
      }
      return undefined;
    });
  }

  [Symbol.dispose](): void {
    this.#incoming.destroy();
  }
}
