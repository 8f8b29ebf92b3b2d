/** Who asks webhooks, against servers that do not do what they should. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { millis, SystemClock, seconds } from "@selvedge/base";
import { HookClient, type HookTarget } from "../src/admission/webhook/hook-client.ts";
import { HookError } from "../src/admission/webhook/hook-error.ts";
import { opensslMissing } from "./api-world.ts";
import { HookServer } from "./hook-server.ts";

describe("asking a webhook", { skip: opensslMissing() }, () => {
  let hooks: HookServer;
  let server: Server;
  let port = 0;
  /** Requests that each connection has brought so far, by its port. */
  const brought = new Map<number, number>();
  before(() => {
    hooks = new HookServer({}, ["app.shop.svc"]);
    server = createServer(hooks.tls, (request, response) => {
      const count = (brought.get(request.socket.remotePort ?? 0) ?? 0) + 1;
      brought.set(request.socket.remotePort ?? 0, count);
      request.resume().on("end", () => {
        const [path = ""] = (request.url ?? "").split("?");
        const code = Number(path.slice(1));
        if (path === "/once" && count > 1) request.socket.destroy();
        else if (path === "/never") request.socket.destroy();
        else if (code > 0) response.writeHead(code, { location: "/once" }).end("<why>");
        else response.end('{"yes":true}');
      });
    });
    server.listen(0, "127.0.0.1");
    return once(server, "listening").then(() => {
      port = (server.address() as AddressInfo).port;
    });
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await hooks.start();
    await hooks[Symbol.asyncDispose]();
  });

  const at = (path: string): HookTarget => ({
    url: `https://127.0.0.1:${port}${path}`,
    caBundle: hooks.caBundle,
  });
  const app: Pick<HookTarget, "service"> = { service: { namespace: "shop", name: "app" } };
  const asking = { body: {}, timeout: seconds(10) };

  it("begins anew where a kept connection ends, once", async () => {
    using client = new HookClient({ clock: new SystemClock() });
    assert.deepEqual(await client.ask({ ...asking, target: at("/once") }), { yes: true });
    const connections = brought.size;
    assert.deepEqual(await client.ask({ ...asking, target: at("/once") }), { yes: true });
    assert.equal(brought.size, connections + 1);
    // The first begins anew, as its connection was kept; the second has a new one, and gets no other.
    for (let one = 0; one < 2; one++)
      await assert.rejects(client.ask({ ...asking, target: at("/never") }), HookError);
    assert.equal(brought.size, connections + 3);
  });

  const refusals: readonly (readonly [code: number, said: RegExp])[] = [
    [302, /responded with the status code 302/],
    [401, /asked for the client to provide credentials/],
    [404, /^the server could not find the requested resource$/],
    [500, /^an error on the server \("<why>"\) has prevented the request from succeeding$/],
  ];
  for (const [code, said] of refusals) {
    it(`does not take ${code} for an answer`, async () => {
      using client = new HookClient({ clock: new SystemClock() });
      await assert.rejects(client.ask({ ...asking, target: at(`/${code}`) }), {
        name: "HookError",
        message: said,
      });
    });
  }

  it("trusts a bundle that is the server's certificate alone", async () => {
    using client = new HookClient({ clock: new SystemClock() });
    const target = { ...at("/"), caBundle: hooks.tls.cert.toString("base64") };
    assert.deepEqual(await client.ask({ ...asking, target }), { yes: true });
  });

  it("cleans the path that it asks", async () => {
    using client = new HookClient({ clock: new SystemClock() });
    // 404 by the number in the path, which a path with two slashes or one at its end would not have.
    const refused = { message: /^the server could not find the requested resource$/ };
    await assert.rejects(client.ask({ ...asking, target: at("//404/") }), refused);
  });

  it("waits no longer than it may for an app that cannot be reached", async () => {
    const dial = (): Promise<never> => new Promise(() => undefined);
    using client = new HookClient({ clock: new SystemClock(), dial });
    const question = { body: {}, timeout: millis(50), target: { ...app, caBundle: hooks.caBundle } };
    await assert.rejects(
      client.ask(question),
      /Post "https:\/\/app.shop.svc:443\/\?timeout=1s": context deadline/,
    );
  });

  it("gives a connection to an app back when it is not used any more, not before", async () => {
    const signals: AbortSignal[] = [];
    const client = new HookClient({
      clock: new SystemClock(),
      dial: async (_service, signal) => {
        signals.push(signal);
        return connect(port, "127.0.0.1");
      },
    });
    const question = { ...asking, target: { ...app, caBundle: hooks.caBundle } };
    for (let one = 0; one < 3; one++) assert.deepEqual(await client.ask(question), { yes: true });
    const [signal] = signals;
    assert.ok(signal);
    assert.deepEqual([signals.length, signal.aborted], [1, false]);
    const ended = once(signal, "abort");
    client[Symbol.dispose]();
    await ended;
  });
});
