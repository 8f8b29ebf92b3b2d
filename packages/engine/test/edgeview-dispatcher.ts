/** A dispatcher as EVE's boxes and EVE's client know one: it joins two connections of one token. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type WebSocket, WebSocketServer } from "ws";

export class Dispatcher implements AsyncDisposable {
  /** PEM: who dials it believes this one. */
  readonly certificate: string;
  /** Names of the boxes that came. */
  readonly devices: string[] = [];
  onDevice: () => void = () => {};
  readonly #http: Server;
  readonly #peers = new Map<string, WebSocket[]>();
  readonly #arrived = Promise.withResolvers<void>();

  private constructor() {
    const { certificate, key } = selfSigned();
    this.certificate = certificate;
    this.#http = createServer({ cert: certificate, key }, (request, response) => {
      // EVE's client asks first whether anybody is there.
      const isThere = (this.#peers.get(nameOf(request)) ?? []).length > 0;
      response.end(isThere ? "server is connected" : "no device online");
    });
    const sockets = new WebSocketServer({ server: this.#http, path: "/edge-view" });
    sockets.on("connection", (socket, request) => this.#join(socket, request));
  }

  static async open(): Promise<Dispatcher> {
    const dispatcher = new Dispatcher();
    dispatcher.#http.listen(0, "127.0.0.1");
    await once(dispatcher.#http, "listening");
    return dispatcher;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  /** The first box. */
  get arrived(): Promise<void> {
    return this.#arrived.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peers of this.#peers.values()) for (const peer of peers) peer.terminate();
    this.#http.closeAllConnections();
    this.#http.close();
  }

  #join(socket: WebSocket, request: IncomingMessage): void {
    const name = nameOf(request);
    const others = (): WebSocket[] => (this.#peers.get(name) ?? []).filter((it) => it !== socket);
    this.#peers.set(name, [...others(), socket]);
    socket.send("YourEndPointIPAddr:127.0.0.1");
    const host = String(request.headers["x-hostname"]);
    if (host.endsWith("-EV-server")) {
      this.devices.push(host);
      this.#arrived.resolve();
      this.onDevice();
    }
    socket.on("message", (data, isBinary) => {
      for (const peer of others()) peer.send(data, { binary: isBinary });
    });
    socket.on("close", () => this.#peers.set(name, others()));
  }
}

function nameOf(request: IncomingMessage): string {
  return String(request.headers["x-session-token"]);
}

function selfSigned(): { readonly certificate: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), "svd-"));
  try {
    const [certificate, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    const who = ["-subj", "/CN=dispatcher", "-addext", "subjectAltName=IP:127.0.0.1"];
    const files = ["-keyout", key, "-out", certificate];
    execFileSync("openssl", ["req", ...kind, ...who, ...files], { stdio: "ignore" });
    return { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
