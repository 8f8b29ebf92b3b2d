import { describeError } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import type { ActionResult, ActionTarget } from "./action-target.ts";
import { guestDuplex } from "./guest-duplex.ts";

/** Of grpc.health.v1.HealthCheckResponse. */
const statuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/** The answer is two bytes in a frame of five; more is none of that service. */
const answerMax = 1024;
const headLength = 5;

/** Asks the health service of gRPC over plain HTTP/2, as Kubernetes does. */
export async function checkGrpc(
  { port, service }: ext.GrpcAction,
  { guest, podIp }: ActionTarget,
  signal: AbortSignal,
): Promise<ActionResult> {
  // Loaded by those alone whose apps are asked this way.
  const http2 = process.getBuiltinModule("node:http2");
  const raw = guestDuplex(guest.dial(port));
  const session = http2.connect(`http://${podIp || "localhost"}:${port}`, { createConnection: () => raw });
  const onAbort = (): void => session.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await new Promise<ActionResult>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Check",
        "content-type": "application/grpc",
        "user-agent": "kube-probe/1.34",
        te: "trailers",
      });
      let body = Buffer.alloc(0);
      let failure = "";
      const heed = (headers: Readonly<Record<string, unknown>>): void => {
        const code = headers["grpc-status"] ?? "0";
        if (String(code) !== "0") failure = `code ${String(code)}: ${String(headers["grpc-message"] ?? "")}`;
      };
      stream.on("response", heed);
      stream.on("trailers", heed);
      stream.on("data", (chunk: Buffer) => {
        body = Buffer.concat([body, chunk]);
        if (body.length > answerMax) stream.destroy(new Error("the answer is none of the health service"));
      });
      stream.on("error", reject);
      stream.on("end", () => resolve(judge(body, failure, port)));
      stream.end(request(service));
    });
  } catch (error) {
    return { ok: false, message: `failed to connect service at port ${port}: ${describeError(error)}` };
  } finally {
    signal.removeEventListener("abort", onAbort);
    session.destroy();
    raw.destroy();
  }
}

/** One uncompressed message: its first field is the name of the service. */
function request(service: string): Buffer {
  const name = Buffer.from(service);
  const field =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a), varint(name.length), name]);
  const head = Buffer.alloc(headLength);
  head.writeUInt32BE(field.length, 1);
  return Buffer.concat([head, field]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

function judge(body: Buffer, failure: string, port: number): ActionResult {
  if (failure !== "") return { ok: false, message: `rpc to the health service at port ${port}: ${failure}` };
  // The status is the one field there is; left out it is the first.
  const status = body[headLength] === 0x08 ? (statuses[body[headLength + 1] ?? 0] ?? "UNKNOWN") : "UNKNOWN";
  if (status === "SERVING") return { ok: true };
  return { ok: false, message: `service unhealthy (responded with "${status}")` };
}
