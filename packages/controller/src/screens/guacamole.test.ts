import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatInstruction, ScreenGuard } from "./guacamole.ts";
import { TunnelError } from "./tunnel-frames.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (said: Uint8Array): string => Buffer.from(said).toString("utf8");
const said = (...values: string[]): string => text(formatInstruction(values));

/** What EVE's guacd says of VNC, with what newer ones begin with. */
const names = ["VERSION_1_1_0", "hostname", "port", "password", "read-only", "dest-host", "recording-path"];
const args = said("args", ...names);

/** As far as a viewer's `connect`. */
function opened(port = 5907): ScreenGuard {
  const guard = new ScreenGuard(port);
  assert.equal(text(guard.toNode(bytes("6.select,3.vnc;"))), "6.select,3.vnc;");
  guard.noteFromNode(bytes(args));
  return guard;
}

describe("what guacd is asked for", () => {
  it("is the app's screen, shown as the viewer has it, whatever else the viewer says", () => {
    const guard = opened();
    const prelude = said("size", "1024", "768", "96") + said("audio") + said("image", "image/png");
    const wish = said("connect", "VERSION_1_1_0", "10.0.0.1", "22", "pässword", "true", "10.0.0.2", "/etc");
    const told = said("connect", "VERSION_1_1_0", "127.0.0.1", "5907", "pässword", "true", "", "");
    assert.equal(text(guard.toNode(bytes(`${prelude}${wish}3.nop;`))), `${prelude}${told}3.nop;`);
    assert.equal(text(guard.toNode(bytes("any bytes"))), "any bytes", "and then what they say is theirs");
  });

  it("is read in whatever pieces it comes", () => {
    const guard = new ScreenGuard(5901);
    const told: string[] = [];
    const say = (what: string): void => {
      for (const byte of bytes(what)) told.push(text(guard.toNode(Uint8Array.of(byte))));
    };
    say("6.select,3.vnc;");
    for (const byte of bytes(args)) guard.noteFromNode(Uint8Array.of(byte));
    say(said("connect", "VERSION_1_1_0", "", "", "ß€😀"));
    const wanted = said("connect", "VERSION_1_1_0", "127.0.0.1", "5901", "ß€😀", "", "", "");
    assert.equal(told.join(""), `6.select,3.vnc;${wanted}`);
  });

  for (const [what, words] of [
    ["another protocol", "6.select,3.ssh;"],
    ["somebody else's connection", "6.select,37.$260d01da-779b-4ee9-afc1-c16bae885cc7;"],
    ["something before it is chosen", "4.size,1.1,1.1;"],
    ["what is no instruction", "GET / HTTP/1.1\r\n"],
    ["a length that is none", "6x.select;"],
    ["no length", ".select;"],
    ["an end that is none", "6.select!"],
    ["what is no UTF-8", "6.select,3.\xff\xfe\xfd;"],
    ["an instruction without end", `4.size,9000.${"x".repeat(8300)}`],
    ["one of too many elements", `6.select,${"1.a,".repeat(200)}1.b;`],
  ] as const)
    it(`is never ${what}`, () =>
      assert.throws(() => new ScreenGuard(5901).toNode(Buffer.from(words, "latin1")), TunnelError));

  it("is nothing before guacd has said what it takes, nor when that is no screen", () => {
    const early = new ScreenGuard(5901);
    early.toNode(bytes("6.select,3.vnc;"));
    assert.throws(() => early.toNode(bytes(said("connect", "a", "b"))), /has not said that it takes/);
    const other = new ScreenGuard(5901);
    other.toNode(bytes("6.select,3.vnc;"));
    other.noteFromNode(bytes(said("error", "no such protocol", "512")));
    assert.throws(() => other.toNode(bytes(said("connect"))), /has not said that it takes/);
    assert.throws(() => opened().toNode(bytes(said("mouse", "1", "1"))), /"mouse" is not said here/);
  });
});
