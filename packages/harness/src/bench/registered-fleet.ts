/**
 * A controller with as many nodes as one wants, in seconds: two nodes are made as any node is, the controller is
 * backed up, the copy is multiplied, and another controller restored from it. What its store holds of each is
 * what a controller stored of one; only their certificates, names and UUIDs differ, and they share a key.
 *
 *   came    has attested, taken its configuration and polled     × connected
 *   never   is registered by its certificate, and silent         × the rest
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip, createGzip } from "node:zlib";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { millis, SystemClock, sleep } from "@selvedge/base";
import { toPem } from "@selvedge/engine";
import { config, ext, getExtension, setExtension } from "@selvedge/eve-api";
import { type EdgeNode, edgeNodeKind } from "@selvedge/kinds";
import { waitFor } from "../real/wait.ts";
import { type NodeIdentity, WireNode } from "../wire/wire-node.ts";
import { sha256 } from "../wire-bytes.ts";
import { ControllerProcess, controllerMain } from "./controller-process.ts";
import { atRest, exchangeOver, forEach, pollsAtOnce } from "./poll-load.ts";

const clock = new SystemClock();
const pause = millis(100);
/** Seconds; a controller of 100,000 looks at all of them first. */
const patience = 1200;
const records = "-records/";
const configsKey = `${records}rendered-configs/`;
const digestLength = 32;
/** Of a certificate's serial, which tells the copies apart. Its first byte stays: it has a sign. */
const serialLength = 8;

interface Row {
  readonly key: string;
  readonly revision: number;
  readonly value: string;
}

/** A node that the copies are made of, with all that the store has of it. */
interface Template {
  readonly name: string;
  readonly node: WireNode;
  readonly id: string;
  readonly rows: readonly Row[];
  /** What is another's in each copy. */
  readonly uids: readonly string[];
}

export class RegisteredFleet implements AsyncDisposable {
  readonly #folder: string;
  readonly #head: object;
  readonly #rows: readonly Row[];
  readonly #came: Template;
  readonly #never: Template;

  private constructor(folder: string, head: object, rows: readonly Row[], came: Template, never: Template) {
    this.#folder = folder;
    this.#head = head;
    this.#rows = rows;
    this.#came = came;
    this.#never = never;
  }

  /** Makes what the copies are made of. */
  static async make(): Promise<RegisteredFleet> {
    const folder = await mkdtemp(join(tmpdir(), "selvedge-fleet-"));
    const archive = join(folder, "one.gz");
    await using controller = await ControllerProcess.start();
    const target = await controller.deviceTarget();
    const came = await known(controller, "came");
    const agent = new Agent({ ca: target.ca });
    await came.join(exchangeOver(agent, target), () => sleep(clock, pause));
    agent.destroy();
    const never = await known(controller, "never");
    const ids = { came: await settled(controller, "came"), never: await settled(controller, "never") };
    await promisify(execFile)(process.execPath, [
      ...[controllerMain, "backup", "--data", controller.folder, "--output", archive],
    ]);
    const [head = {}, ...rest] = await linesOf(archive);
    const rows = rest.slice(0, -1) as Row[];
    const template = (name: keyof typeof ids, node: WireNode): Template => {
      const own = rows.filter(({ key }) => key.endsWith(`/${name}`) || key.endsWith(`/${ids[name]}`));
      const uids = own.flatMap(({ value }) => /"uid":"([^"]+)"/.exec(value)?.[1] ?? []);
      return { name, node, id: ids[name], rows: own, uids };
    };
    return new RegisteredFleet(folder, head, rows, template("came", came), template("never", never));
  }

  /** A controller with this many nodes, and those that are to be connected. */
  async start(
    registered: number,
    connected: number,
  ): Promise<{ readonly controller: ControllerProcess; readonly nodes: readonly WireNode[] }> {
    const archive = join(this.#folder, `${registered}.gz`);
    const copies: Copy[] = [];
    await this.#write(archive, registered, connected, copies);
    const controller = await ControllerProcess.start(async (folder) => {
      const words = ["restore", "--data", folder, "--input", archive];
      await promisify(execFile)(process.execPath, [controllerMain, ...words]);
      await rm(archive);
      return [];
    });
    const nodes = copies.map(({ node }) => node);
    await takeRestored(controller, nodes);
    return { controller, nodes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #write(path: string, registered: number, connected: number, nodes: Copy[]): Promise<void> {
    let count = 0;
    const templates = new Set([...this.#came.rows, ...this.#never.rows]);
    const others = this.#rows.filter((row) => !templates.has(row));
    const line = (row: Row): string => {
      count++;
      return `${JSON.stringify(row)}\n`;
    };
    const all = function* (came: Template, never: Template): Generator<string> {
      yield others.map(line).join("");
      for (let index = 0; index < registered; index++) {
        const copy = copyOf(index < connected ? came : never, index);
        yield copy.rows.map(line).join("");
        if (index < connected) nodes.push(copy);
      }
    };
    const lines = function* (head: object, rows: Iterable<string>): Generator<string> {
      yield `${JSON.stringify(head)}\n`;
      yield* rows;
      yield `${JSON.stringify({ rows: count })}\n`;
    };
    const text = Readable.from(lines(this.#head, all(this.#came, this.#never)));
    await pipeline(text, createGzip({ level: 1 }), createWriteStream(path));
  }
}

interface Copy {
  readonly rows: readonly Row[];
  readonly node: WireNode;
}

/**
 * A restored controller gives each a configuration without commands first, and its own when it has said that it took
 * that: a poll to be given one, and another to say so.
 */
async function takeRestored(controller: ControllerProcess, nodes: readonly WireNode[]): Promise<void> {
  const target = await controller.deviceTarget();
  const agent = new Agent({ ca: target.ca, keepAlive: true, maxSockets: pollsAtOnce });
  const exchange = exchangeOver(agent, target);
  const passes: readonly (readonly [string, (given: config.EdgeDevConfig) => boolean])[] = [
    ["a configuration", () => true],
    ["one with commands", ({ reboot }) => reboot !== undefined],
  ];
  for (const [what, isIt] of passes) {
    await forEach(nodes, async (node) => {
      const look = async (): Promise<true | undefined> => {
        const given = await node.takeConfig(exchange);
        return given !== undefined && isIt(given) ? true : undefined;
      };
      await waitFor(what, look, patience);
      await node.takeConfig(exchange);
    });
  }
  agent.destroy();
  await atRest(controller.pid);
}

function copyOf(template: Template, index: number): Copy {
  const { name: was, id: wasId, node } = template;
  const name = `${was}-${index}`;
  const id = randomUUID();
  const { key, der } = node.identity;
  const copy: NodeIdentity = { key, der: certificateOf(der, serialOf(was), index) };
  const texts: readonly (readonly [from: string, to: string])[] = [
    [wasId, id],
    [jsonText(toPem(der)), jsonText(toPem(copy.der))],
    [sha256(der).toHex(), sha256(copy.der).toHex()],
    ...template.uids.map((uid) => [uid, randomUUID()] as const),
    // Names are words of their own: `came`, not what has that in it.
    [`"${was}"`, `"${name}"`],
    [`"selvedge://${was}"`, `"selvedge://${name}"`],
  ];
  const rows = template.rows.map(({ key: place, revision, value }) => {
    const to = place.endsWith(`/${was}`) ? place.slice(0, -was.length) + name : place.replace(wasId, id);
    if (place.startsWith(configsKey)) {
      const record = renderedFor(Buffer.from(value, "base64"), id, name);
      return { key: to, revision, value: record.toString("base64") };
    }
    const isObject = !place.startsWith(records);
    const changed = isObject ? texts.reduce((text, [a, b]) => text.replaceAll(a, b), value) : value;
    return { key: to, revision, value: changed };
  });
  return { rows, node: WireNode.of({ ...copy, id, hash: "", token: node.token }) };
}

/** The same configuration under another name, as the controller would have made it. */
function renderedFor(record: Buffer, uuid: string, deviceName: string): Buffer {
  const made = fromBinary(config.EdgeDevConfigSchema, record.subarray(digestLength));
  if (made.id !== undefined) made.id.uuid = uuid;
  made.deviceName = deviceName;
  const extension = getExtension(made, ext.NodeExtensionSchema);
  if (extension !== undefined) {
    extension.nodeName = deviceName;
    setExtension(made, ext.NodeExtensionSchema, extension);
  }
  const { configTimestamp } = made;
  delete made.configTimestamp;
  const digest = sha256(toBinary(config.EdgeDevConfigSchema, made));
  if (configTimestamp !== undefined) made.configTimestamp = configTimestamp;
  return Buffer.concat([digest, toBinary(config.EdgeDevConfigSchema, made)]);
}

/** As many nodes as one that joined, each with a certificate of its own, and what their folder at Adam is named. */
export function copiesOf(node: WireNode, name: string, count: number): WireNode[] {
  const { key, der } = node.identity;
  return Array.from({ length: count }, (_, index) =>
    WireNode.of({
      ...{ key, der: certificateOf(der, serialOf(name), index), id: randomUUID() },
      ...{ token: node.token, hash: node.hash },
    }),
  );
}

/** Nobody checks the signature of a certificate that is known: its hash is what counts. */
function certificateOf(der: Uint8Array, serial: Uint8Array, index: number): Uint8Array {
  const copy = Buffer.from(der);
  copy.writeUIntBE(index, copy.indexOf(serial) + serialLength - 6, 6);
  return new Uint8Array(copy);
}

function serialOf(name: string): Uint8Array {
  return sha256(new TextEncoder().encode(name)).subarray(0, serialLength);
}

/** A node whose certificate the controller has been told. */
async function known(controller: ControllerProcess, name: string): Promise<WireNode> {
  const node = await WireNode.make(name, clock.now());
  using client = await controller.client();
  await client.create<EdgeNode>(edgeNodeKind, {
    ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name } },
    spec: { deviceCertificate: toPem(node.identity.der) },
  });
  return node;
}

/** Its UUID, once the controller has done everything that its coming made it do. */
async function settled(controller: ControllerProcess, name: string): Promise<string> {
  using client = await controller.client();
  const found = await waitFor(`${name} to be settled`, async () => {
    const { status } = await client.get<EdgeNode>(edgeNodeKind, name);
    const isThere = name === "never" || status?.phase === "Ready";
    return isThere && status?.configHash?.rendered !== undefined ? status.nodeID : undefined;
  });
  return found;
}

async function linesOf(path: string): Promise<object[]> {
  const input = createReadStream(path).pipe(createGunzip());
  const lines: object[] = [];
  for await (const line of createInterface({ input })) lines.push(JSON.parse(line) as object);
  return lines;
}

function jsonText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
