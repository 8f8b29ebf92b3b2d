/**
 * What guacd may be asked for over a tunnel. It connects to whatever it is told, and writes files where it is told to:
 * behind it are the screens of all apps of a box, and the box. So the opening of a connection is read, and said anew:
 *
 *   viewer: select,vnc ──► guacd: args,hostname,port,… ──► viewer: size,… connect,VALUES ──► whatever they say
 *
 * with the app's own screen among the values, what is about how it is shown as the viewer has it, and nothing else.
 */
import { TunnelError } from "./tunnel-frames.ts";

/** guacd's own bounds of an instruction. */
const [instructionMax, elementsMax] = [8192, 128];
/** An opening is a handful of short instructions. */
const openingMax = 64 * 1024;
/** Longer numbers are no lengths of what fits. */
const digitsMax = 5;

/** What may be said before `connect`. */
const preludes: readonly string[] = ["size", "audio", "video", "image", "timezone", "name"];
/** Parameters about how a screen is shown; what leads elsewhere, writes files or waits for others is not among them. */
const harmless: ReadonlySet<string> = new Set([
  ...["username", "password", "read-only", "encodings", "swap-red-blue", "color-depth", "force-lossless"],
  ...["cursor", "autoretry", "clipboard-encoding", "disable-copy", "disable-paste"],
  ...["quality-level", "compress-level"],
]);

/** The way through one connection to guacd. */
export class ScreenGuard {
  readonly #screen: Readonly<Record<string, string>>;
  #stage: "select" | "connect" | "open" = "select";
  /** Of the parameters that guacd takes, in its order. */
  #names: readonly string[] | undefined;
  #fromViewer: Uint8Array = new Uint8Array();
  #fromNode: Uint8Array = new Uint8Array();

  /** `port`: where the app's screen is, on the box itself. */
  constructor(port: number) {
    this.#screen = { hostname: "127.0.0.1", port: `${port}` };
  }

  /** What guacd is told. Throws a TunnelError for what it must not be asked for. */
  toNode(bytes: Uint8Array): Uint8Array {
    if (this.#stage === "open") return bytes;
    this.#fromViewer = joined(this.#fromViewer, bytes);
    const said: Uint8Array[] = [];
    while (!this.#isOpen) {
      const read = readInstruction(this.#fromViewer);
      if (read === undefined) break;
      said.push(formatInstruction(this.#judge(read.values)));
      this.#fromViewer = this.#fromViewer.subarray(read.length);
    }
    if (this.#isOpen) {
      said.push(this.#fromViewer);
      this.#fromViewer = new Uint8Array();
    }
    return joined(...said);
  }

  /** Takes note of which parameters guacd says it has. */
  noteFromNode(bytes: Uint8Array): void {
    if (this.#names !== undefined || this.#isOpen) return;
    this.#fromNode = joined(this.#fromNode, bytes);
    const [opcode, ...names] = readInstruction(this.#fromNode)?.values ?? [];
    if (opcode === undefined) return;
    this.#names = opcode === "args" ? names : [];
    this.#fromNode = new Uint8Array();
  }

  get #isOpen(): boolean {
    return this.#stage === "open";
  }

  #judge([opcode = "", ...values]: readonly string[]): readonly string[] {
    if (this.#stage === "select") {
      if (opcode !== "select" || values.length !== 1 || values[0] !== "vnc")
        throw new TunnelError("a screen is looked at with VNC: choose that protocol in Guacamole");
      this.#stage = "connect";
      return ["select", "vnc"];
    }
    if (preludes.includes(opcode)) return [opcode, ...values];
    if (opcode !== "connect")
      throw new TunnelError(`${JSON.stringify(opcode.slice(0, 32))} is not said here`);
    const names = this.#names;
    if (!names?.includes("hostname") || !names.includes("port"))
      throw new TunnelError("the node's guacd has not said that it takes a hostname and a port");
    this.#stage = "open";
    const chosen = (name: string, at: number): string =>
      this.#screen[name] ?? (harmless.has(name) || name.startsWith("VERSION_") ? (values[at] ?? "") : "");
    return ["connect", ...names.map(chosen)];
  }
}

/**
 * The first instruction in `bytes`, as `4.size,2.10,2.20;` where lengths count characters; undefined while it is not
 * whole.
 */
export function readInstruction(
  bytes: Uint8Array,
): { readonly values: readonly string[]; readonly length: number } | undefined {
  if (bytes.length > openingMax) throw new TunnelError(`an opening of more than ${openingMax} bytes`);
  const values: string[] = [];
  let at = 0;
  for (;;) {
    const dot = bytes.indexOf(dotByte, at);
    const digits = latin1(bytes.subarray(at, dot < 0 ? at + digitsMax + 1 : dot));
    if (!/^\d{0,5}$/.test(digits) || (dot >= 0 && digits === ""))
      throw new TunnelError("it is no instruction of Guacamole's");
    const end = dot < 0 ? undefined : endOf(bytes, dot + 1, Number(digits));
    if (end === undefined || end >= bytes.length) {
      if (bytes.length > instructionMax) throw tooLong;
      return undefined;
    }
    if (end >= instructionMax) throw tooLong;
    values.push(textOf(bytes.subarray(dot + 1, end)));
    if (values.length > elementsMax) throw tooLong;
    at = end + 1;
    if (bytes[end] === semicolonByte) return { values, length: at };
    if (bytes[end] !== commaByte) throw new TunnelError("it is no instruction of Guacamole's");
  }
}

export function formatInstruction(values: readonly string[]): Uint8Array {
  return new TextEncoder().encode(`${values.map((value) => `${[...value].length}.${value}`).join()};`);
}

const [dotByte, commaByte, semicolonByte] = [0x2e, 0x2c, 0x3b];
const tooLong = new TunnelError(
  `an instruction of more than ${instructionMax} bytes or ${elementsMax} elements`,
);

/** Where so many characters of UTF-8 end; undefined: not in what has come. */
function endOf(bytes: Uint8Array, from: number, characters: number): number | undefined {
  let [at, left] = [from, characters];
  // Whatever is no beginning of a character belongs to the one before it.
  for (; at < bytes.length; at++) if (((bytes[at] ?? 0) & 0xc0) !== 0x80 && left-- === 0) return at;
  return undefined;
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new TunnelError("an instruction that is no UTF-8", { cause });
  }
}

/** A mark at the beginning is a character like others here. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const [only, other] = parts.filter(({ length }) => length > 0);
  if (only === undefined) return new Uint8Array();
  return other === undefined ? only : new Uint8Array(Buffer.concat(parts));
}
