/** What only one replica runs at a time: everything that acts, and everything nodes talk to. */
import type { Duplex } from "node:stream";
import type { Clock, Log, Random } from "@selvedge/base";
import type { Address } from "./address.ts";
import type { Api } from "./api.ts";
import { type Controller, createController } from "./controller.ts";
import { SignatureThreads } from "./gateway/signature-threads.ts";
import { DeviceListener } from "./listeners/device-listener.ts";
import { scepOverHttp } from "./listeners/scep-http.ts";
import type { Pki } from "./pki/pki.ts";
import type { DeviceGateway, Records } from "./ports.ts";
import { exportTelemetry } from "./telemetry/export-telemetry.ts";
import { otlpOverHttp } from "./telemetry/otlp-http.ts";

export interface LeadingOptions {
  readonly api: Api;
  readonly records: Records;
  readonly pki: Pki;
  /** Folders of images and of uploaded logs. */
  readonly blobs: string;
  readonly logs: string;
  /** Where nodes reach the device port. */
  readonly deviceAddress: Address;
  /** Who says so in the tokens of Pods. */
  readonly accountIssuer: string;
  /** Serves a client of the API that comes over the link of a node. */
  readonly serveApi: (connection: Duplex) => void;
  readonly otlpEndpoint: URL | undefined;
  /** Reports a second that one node may send for long. */
  readonly nodeRate: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Leading extends AsyncDisposable {
  readonly controller: Controller;
  readonly devices: DeviceListener;
}

/** Begins to act. */
export async function startLeading(options: LeadingOptions): Promise<Leading> {
  const { records, pki, otlpEndpoint, clock, random, log } = options;
  await using stack = new AsyncDisposableStack();
  const controller = stack.use(
    await createController({ ...options, scep: scepOverHttp, signatures: new SignatureThreads() }),
  );
  if (otlpEndpoint !== undefined) {
    const post = otlpOverHttp(otlpEndpoint, clock);
    stack.use(exportTelemetry(controller, { post, clock, random, log: log.child("otlp") }));
  }
  const devices = stack.use(
    new DeviceListener({
      ...{ gateway: durable(controller.gateway, records), registry: controller.images },
      ...{ dispatcher: controller.dispatcher, screens: controller.screens },
      ...{
        clock,
        random,
        log: log.child("devices"),
        tls: () => pki.deviceServer,
        ticketSecret: pki.secret("tickets"),
      },
    }),
  );
  stack.defer(pki.onRenewed(() => devices.renew()));
  await controller.start();
  const owned = stack.move();
  return { controller, devices, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A node is answered once everything that its request made us write down is safe. */
function durable(gateway: DeviceGateway, records: Records): DeviceGateway {
  return {
    async handle(request) {
      const answer = await gateway.handle(request);
      await records.settled();
      return answer;
    },
    acceptLink: (node, socket) => gateway.acceptLink(node, socket),
  };
}
