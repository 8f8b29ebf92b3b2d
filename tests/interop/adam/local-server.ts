/** A local profile server: what people beside the box want, over plain HTTP, with EVE's messages. */
import { createServer, type Server } from "node:http";
import { buffer } from "node:stream/consumers";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { profile } from "@selvedge/eve-api";

export class LocalServer implements AsyncDisposable {
  /** In force while it is set; undefined: the server knows nothing of profiles. */
  profile: string | undefined;
  /** The newest report of the box. */
  device: profile.LocalDevInfo | undefined;
  readonly #server: Server;
  readonly #token: string;

  private constructor(token: string) {
    this.#token = token;
    this.#server = createServer(async (request, response) => {
      const body = new Uint8Array(await buffer(request));
      const answer = this.#answer(`${request.method} ${request.url}`, body);
      response.writeHead(answer === undefined ? 404 : answer.length === 0 ? 204 : 200).end(answer);
    });
  }

  static async start(address: string, port: number, token: string): Promise<LocalServer> {
    const server = new LocalServer(token);
    await new Promise<void>((resolve) => server.#server.listen(port, address, resolve));
    return server;
  }

  #answer(what: string, body: Uint8Array): Uint8Array | undefined {
    if (what === "POST /api/v1/devinfo") {
      this.device = fromBinary(profile.LocalDevInfoSchema, body);
      return new Uint8Array();
    }
    if (what !== "GET /api/v1/local_profile" || this.profile === undefined) return undefined;
    const value = { localProfile: this.profile, serverToken: this.#token };
    return toBinary(profile.LocalProfileSchema, create(profile.LocalProfileSchema, value));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
