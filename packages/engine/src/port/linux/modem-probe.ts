import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { on, once } from "node:events";
import { isIPv6 } from "node:net";
import { describeError } from "@selvedge/base";
import { greet, ping } from "../../network/linux/ask.ts";
import { addressFor, type ModemQuestion } from "../cellular/modem-probe.ts";

/** Who has not answered by then does not. */
const answerMs = 5_000;
const dnsPort = 53;
/** One of them is enough; a radio loses some. */
const pings = 3;

/** Resolves once anybody answers by one of the addresses, else rejects with why nobody does. */
export async function askRounds(
  rounds: readonly (readonly ModemQuestion[])[],
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const failures: string[] = [];
  for (const round of rounds) {
    try {
      await Promise.any(round.map(async (question) => await ask(question, addresses, signal)));
      return;
    } catch (error) {
      signal.throwIfAborted();
      failures.push(...(error as AggregateError).errors.map(describeError));
    }
  }
  if (failures.length > 0) throw new Error(failures.join("; "));
}

async function ask(
  question: ModemQuestion,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { kind, host } = question;
  const from = addressFor(host, addresses);
  if (from === undefined) throw new Error(`there is no address to ask ${host} from`);
  if (kind === "tcp") return await greet(question, from, answerMs, signal);
  if (kind === "dns") return await resolveNobody(host, from, signal);
  await pingSome(host, from, signal);
}

async function pingSome(host: string, from: string, signal: AbortSignal): Promise<void> {
  for (let left = pings; ; left--) {
    try {
      await ping(host, from, isIPv6(from) ? 6 : 4, 1);
      return;
    } catch (cause) {
      signal.throwIfAborted();
      if (left <= 1) throw new Error(`${host} does not answer a ping`, { cause });
    }
  }
}

/** Recursion is asked for; one question: the address of the root. */
const question = [0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];

/** Asks a name server for what is short and always there: the root. Whatever it says, it is there. */
async function resolveNobody(server: string, from: string, signal: AbortSignal): Promise<void> {
  const socket = createSocket(isIPv6(server) ? "udp6" : "udp4");
  const query = new Uint8Array([...randomBytes(2), ...question]);
  const patience = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  try {
    socket.bind({ address: from });
    await once(socket, "listening", { signal: patience });
    // Connected, it hears as well that nobody is there.
    socket.connect(dnsPort, server);
    await once(socket, "connect", { signal: patience });
    socket.send(query);
    for await (const [answer] of on(socket, "message", { signal: patience }) as AsyncIterable<[Buffer]>)
      if (answer[0] === query[0] && answer[1] === query[1]) return;
  } catch (cause) {
    signal.throwIfAborted();
    throw new Error(`the name server ${server} does not answer`, { cause });
  } finally {
    socket.close();
  }
}
