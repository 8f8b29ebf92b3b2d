/** Sessions of nodes go on at another replica: both make the keys of tickets from what is in their one PKI. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { connect, type SecureVersion } from "node:tls";
import { hours, Log, SystemRandom, silentSink } from "@selvedge/base";
import { DeviceListener } from "../src/listeners/device-listener.ts";
import { Pki } from "../src/pki/pki.ts";
import { MemoryPkiFiles } from "../src/pki/pki-files.ts";
import { ManualClock } from "./manual-clock.ts";

const random = new SystemRandom();
const day = hours(24);
/** The keys are of a week, which begins on a Thursday; this is in the middle of one. */
const sunday = Date.parse("2026-01-04T00:00:00Z");

/** A device port with a PKI that was opened for itself, as each replica does. */
class Replica implements AsyncDisposable {
  readonly clock = new ManualClock(sunday);
  readonly #pki: Pki;
  readonly #listener: DeviceListener;
  #port = 0;

  static async start(files: MemoryPkiFiles): Promise<Replica> {
    const clock = new ManualClock(sunday);
    const log = new Log("test", clock, silentSink);
    const names = { kubeNames: ["one.test"], deviceNames: ["one.test"] };
    const replica = new Replica(await Pki.open({ files, ...names, clock, random, log }), log);
    replica.#port = await replica.#listener.listen({ host: "127.0.0.1", port: 0 });
    return replica;
  }

  constructor(pki: Pki, log: Log) {
    this.#pki = pki;
    this.#listener = new DeviceListener({
      ...{ clock: this.clock, random, log, tls: () => pki.deviceServer, ticketSecret: pki.secret("tickets") },
      gateway: {
        handle: async () => ({ status: 200, headers: {}, body: new Uint8Array() }),
        acceptLink: (_node, socket) => socket.close(),
      },
      registry: { handle: async () => ({ status: 404, headers: {}, body: undefined }) } as never,
    });
  }

  renew(): void {
    this.#listener.renew();
  }

  /** Whether a connection goes on with the ticket that is given, and the one to come with next. */
  async visit(
    version: SecureVersion,
    session?: Buffer,
  ): Promise<{ readonly ticket: Buffer; readonly resumed: boolean }> {
    const versions = { minVersion: version, maxVersion: version, ...(session && { session }) };
    const socket = connect({
      port: this.#port,
      host: "127.0.0.1",
      ca: this.#pki.rootCertificate,
      ...versions,
    });
    // It comes with the handshake or after it, to who reads. One that is still good is not replaced.
    const given = once(socket, "session");
    await once(socket.resume(), "secureConnect");
    const resumed = socket.isSessionReused();
    const ticket = resumed && session !== undefined ? session : ((await given) as [Buffer])[0];
    socket.destroy();
    return { ticket, resumed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener[Symbol.asyncDispose]();
    this.#pki[Symbol.dispose]();
  }
}

function pass(replicas: readonly Replica[], span: number): void {
  for (const { clock } of replicas) for (let left = span; left > 0; ) left = clock.step(left);
}

// EVE speaks both.
for (const version of ["TLSv1.2", "TLSv1.3"] as const)
  describe(`a session of ${version}`, () => {
    it("that one replica gave a ticket for goes on at the other, this week and the next", async () => {
      const files = new MemoryPkiFiles();
      await using one = await Replica.start(files);
      await using other = await Replica.start(files);
      const first = await one.visit(version);
      assert.equal(first.resumed, false);
      const second = await other.visit(version, first.ticket);
      assert.equal(second.resumed, true);
      assert.equal((await one.visit(version, second.ticket)).resumed, true);
      one.renew();
      assert.equal(
        (await one.visit(version, second.ticket)).resumed,
        true,
        "new certificates end no session",
      );
      pass([one, other], 7 * day);
      // What was given before opens nothing any more, and the node is served all the same.
      const stale = await other.visit(version, first.ticket);
      assert.equal(stale.resumed, false);
      assert.equal((await one.visit(version, stale.ticket)).resumed, true);
      assert.equal((await other.visit(version, stale.ticket)).resumed, true);
    });

    it("is not known to replicas of another authority", async () => {
      await using one = await Replica.start(new MemoryPkiFiles());
      await using other = await Replica.start(new MemoryPkiFiles());
      const { ticket } = await one.visit(version);
      assert.equal((await other.visit(version, ticket)).resumed, false);
    });
  });
