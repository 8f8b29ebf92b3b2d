/** The controller's device port with its dispatcher, and nothing behind the rest. */
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { DeviceListener } from "../../../packages/controller/src/listeners/device-listener.ts";
import { Pki } from "../../../packages/controller/src/pki/pki.ts";
import { MemoryPkiFiles } from "../../../packages/controller/src/pki/pki-files.ts";
import { Dispatcher } from "../../../packages/controller/src/remote-access/dispatcher.ts";
import {
  type OpenToken,
  SessionNames,
} from "../../../packages/controller/src/remote-access/session-names.ts";

export interface ControllerDoor extends AsyncDisposable {
  readonly port: number;
  /** PEM: who dials believes it by this one. */
  readonly certificate: string;
}

export async function controllerDoor(tokens: () => readonly OpenToken[]): Promise<ControllerDoor> {
  await using stack = new AsyncDisposableStack();
  const [clock, random] = [new SystemClock(), new SystemRandom()];
  const log = new Log("test", clock, silentSink);
  const names = { kubeNames: ["127.0.0.1"], deviceNames: ["127.0.0.1"] };
  const pki = stack.use(await Pki.open({ files: new MemoryPkiFiles(), ...names, clock, random, log }));
  const dispatcher = stack.use(new Dispatcher({ names: new SessionNames({ tokens, clock }), clock, log }));
  const nobody = async (): Promise<never> => {
    throw new Error("nobody asks this here");
  };
  const listener = stack.use(
    new DeviceListener({
      ...{ dispatcher, clock, random, log, ticketSecret: random.bytes(32), tls: () => pki.deviceServer },
      gateway: { handle: nobody, acceptLink: (_node, socket) => socket.close() },
      registry: { handle: nobody } as never,
    }),
  );
  const port = await listener.listen({ host: "127.0.0.1", port: 0 });
  const owned = stack.move();
  return { port, certificate: pki.rootCertificate, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
