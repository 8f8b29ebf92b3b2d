import { createHash, X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { decodeEnvelope, type EndpointMatch, type Envelope, matchEndpoint } from "@selvedge/eve-api";

/** One request and its answer, as a proxy between a node and a controller saw them. */
export interface Exchange {
  readonly name: string;
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly match: EndpointMatch | undefined;
  readonly request: Uint8Array;
  readonly status: number;
  readonly answer: Uint8Array;
}

/** A folder of exchanges with the keys of everybody in them. */
export interface Recording {
  readonly exchanges: readonly Exchange[];
  /** A PEM file by its name without ".pem". */
  readonly key: (name: string) => string;
  /** The device certificates known, by the hash nodes name them with, in hexadecimal. */
  readonly devices: ReadonlyMap<string, string>;
}

interface RecordedMessage {
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
}

/** Reads `folder`, which is the `eve` part of a folder of vectors; undefined when there is none. */
export function readRecording(folder: string): Recording | undefined {
  const http = join(folder, "http");
  if (!existsSync(http)) return undefined;
  const key = (name: string): string => readFileSync(join(folder, "keys", `${name}.pem`), "utf8");
  const devices = new Map<string, string>();
  for (const file of readdirSync(join(folder, "keys"))) {
    if (!/device.*cert\.pem$/.test(file)) continue;
    const certificate = new X509Certificate(readFileSync(join(folder, "keys", file)));
    devices.set(createHash("sha256").update(certificate.raw).digest("hex"), certificate.toString());
  }
  const exchanges = readdirSync(http)
    .sort()
    .map((name) => readExchange(join(http, name), name));
  return { exchanges, key, devices };
}

function readExchange(folder: string, name: string): Exchange {
  const json = (file: string): RecordedMessage => JSON.parse(readFileSync(join(folder, file), "utf8"));
  const { method = "", path = "", headers = {} } = json("request.json");
  return {
    ...{ name, method, target: path },
    headers: Object.fromEntries(
      Object.entries(headers).map(([header, values]) => [header.toLowerCase(), values.join(", ")]),
    ),
    match: matchEndpoint(path.split("?", 1)[0] ?? ""),
    request: readBody(join(folder, "request.body")),
    status: json("response.json").status ?? 0,
    answer: readBody(join(folder, "response.body")),
  };
}

function readBody(path: string): Uint8Array {
  return existsSync(path) ? new Uint8Array(readFileSync(path)) : new Uint8Array();
}

/** The message in the envelope of a body. */
export function open<Desc extends DescMessage>(schema: Desc, body: Uint8Array): MessageShape<Desc> {
  return fromBinary(schema, decodeEnvelope(body).payload);
}

export function envelopeOf(body: Uint8Array): Envelope | undefined {
  try {
    return decodeEnvelope(body);
  } catch {
    return undefined;
  }
}
