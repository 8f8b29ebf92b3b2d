import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, it } from "node:test";
import { mayDial, outsideDial } from "./outside-dial.ts";

describe("an address that is written down for a Service", () => {
  const kinds: readonly (readonly [address: string, may: boolean])[] = [
    ...(["10.1.2.3", "192.0.2.7", "100.64.0.1", "8.8.8.8", "fd00::7", "2001:db8::7"] as const).map(
      (one) => [one, true] as const,
    ),
    ...(
      [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
      ] as const
    ).map((one) => [one, false] as const),
    ...(["::1", "::", "::7f00:1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"] as const).map(
      (one) => [one, false] as const,
    ),
    ...(
      ["::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::7f00:1", "2002:7f00:1::", "localhost", ""] as const
    ).map((one) => [one, false] as const),
  ];
  for (const [address, may] of kinds)
    it(`${may ? "may" : "may not"} be dialled: ${address}`, () => assert.equal(mayDial(address), may));

  const names: Readonly<Record<string, readonly string[]>> = {
    "hooks.example": ["192.0.2.7"],
    "rebound.example": ["127.0.0.1", "169.254.169.254"],
    "both.example": ["::1", "192.0.2.9"],
    "db.example": ["192.0.2.40", "2001:db8::40"],
    "alias.example": ["192.0.2.40"],
  };
  const lookup = async (name: string): Promise<readonly string[]> => {
    const found = names[name];
    if (found === undefined) throw new Error(`no such host ${name}`);
    return found;
  };
  const own = (): readonly string[] => ["192.0.2.1", "db.example", "gone.example"];
  const rows: readonly (readonly [host: string, dialled: string | undefined])[] = [
    ["192.0.2.7", "192.0.2.7"],
    ["hooks.example", "192.0.2.7"],
    ["both.example", "192.0.2.9"],
    ["rebound.example", undefined],
    ["192.0.2.1", undefined],
    ["192.0.2.40", undefined],
    ["2001:0DB8:0:0::40", undefined],
    ["alias.example", undefined],
  ];
  for (const [host, dialled] of rows) {
    it(`leads to ${dialled ?? "nowhere"}: ${host}`, async () => {
      const server = createServer((socket) => void socket.on("error", () => undefined).resume());
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const asked: string[] = [];
      const dial = outsideDial({
        ...{ lookup, own },
        connect: (address) => {
          asked.push(address);
          return connect((server.address() as AddressInfo).port, "127.0.0.1");
        },
      });
      const { signal } = new AbortController();
      try {
        if (dialled === undefined)
          await assert.rejects(dial({ host, port: 443 }, signal), /may be dialled by the controller/);
        else (await dial({ host, port: 443 }, signal)).destroy();
        assert.deepEqual(asked, dialled === undefined ? [] : [dialled]);
      } finally {
        server.close();
      }
    });
  }

  it("is given up when nobody waits any more", async () => {
    const gone = new AbortController();
    const dial = outsideDial({
      lookup,
      own,
      connect: () => connect({ port: 1, host: "127.0.0.1", lookup: () => {} }),
    });
    const dialled = dial({ host: "192.0.2.7", port: 443 }, gone.signal);
    gone.abort(new Error("nobody asks any more"));
    await assert.rejects(dialled, /nobody asks any more/);
  });
});
