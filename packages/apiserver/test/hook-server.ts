/** A webhook: an HTTPS server with a certificate of its own authority, and what it answers by path. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseJson } from "@selvedge/base";

/** What it was asked, as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into questions of every shape
export type Asked = any;

/** The response of an AdmissionReview, or any answer at all; nothing: it never answers. */
export type Answer = (request: Asked) => object | string | undefined;

export class HookServer {
  readonly #folder = mkdtempSync(join(tmpdir(), "selvedge-hook-"));
  readonly #answers: Readonly<Record<string, Answer>>;
  readonly #server: Server;
  /** All it was asked, in order. */
  readonly asked: { readonly path: string; readonly review: Asked }[] = [];
  /** PEM in base64. */
  readonly caBundle: string;
  readonly tls: { readonly key: Buffer; readonly cert: Buffer };
  #port = 0;

  /** `names`: what its certificate is for, besides 127.0.0.1. */
  constructor(answers: Readonly<Record<string, Answer>>, names: readonly string[] = []) {
    this.#answers = answers;
    const { key, cert, ca } = this.#certificates(names);
    this.caBundle = ca.toString("base64");
    this.tls = { key, cert };
    this.#server = createServer({ key, cert }, (request, response) => {
      void text(request).then((body) => {
        const path = request.url ?? "/";
        const review = parseJson(body) as Asked;
        this.asked.push({ path, review });
        const answer = this.#answers[path.split("?")[0] ?? ""]?.(review.request);
        if (answer === undefined) return;
        const type = { "content-type": "application/json" };
        if (typeof answer === "string") response.writeHead(200, type).end(answer);
        else response.writeHead(200, type).end(JSON.stringify(reply(review, answer)));
      });
    });
  }

  async start(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  get port(): number {
    return this.#port;
  }

  /** As a webhook's configuration names it. */
  client(path: string): { readonly url: string; readonly caBundle: string } {
    return { url: `https://127.0.0.1:${this.#port}${path}`, caBundle: this.caBundle };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #certificates(names: readonly string[]): {
    readonly key: Buffer;
    readonly cert: Buffer;
    readonly ca: Buffer;
  } {
    const at = (name: string): string => join(this.#folder, name);
    const run = (words: string): unknown => execFileSync("openssl", words.split(" "), { stdio: "ignore" });
    const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    run(`req -x509 ${key} -subj /CN=hooks -days 2 -keyout ${at("ca.key")} -out ${at("ca.pem")}`);
    run(`req ${key} -subj /CN=hook -keyout ${at("key.pem")} -out ${at("csr.pem")}`);
    const subjects = ["IP:127.0.0.1", ...names.map((name) => `DNS:${name}`)].join(",");
    writeFileSync(at("ext"), `subjectAltName=${subjects}\n`);
    const signer = `-CA ${at("ca.pem")} -CAkey ${at("ca.key")} -CAcreateserial`;
    run(`x509 -req -in ${at("csr.pem")} ${signer} -days 2 -extfile ${at("ext")} -out ${at("cert.pem")}`);
    return {
      ...{
        key: readFileSync(at("key.pem")),
        cert: readFileSync(at("cert.pem")),
        ca: readFileSync(at("ca.pem")),
      },
    };
  }
}

function reply({ apiVersion, kind, request }: Asked, response: object): object {
  return { apiVersion, kind, response: { uid: request.uid, ...response } };
}

export function patch(...operations: readonly object[]): object {
  const text = Buffer.from(JSON.stringify(operations)).toString("base64");
  return { allowed: true, patchType: "JSONPatch", patch: text };
}

export function deny(message: string): object {
  return { allowed: false, status: { message } };
}
