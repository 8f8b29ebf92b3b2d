import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { SeededRandom } from "@selvedge/base";
import { readEventLog } from "./event-log.ts";

const le = (value: number, bytes: 2 | 4): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
};
const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

interface Banks {
  readonly [algorithm: number]: number;
}

function header(banks: Banks = { 4: 20, 11: 32 }, name = "Spec ID Event03\0"): Buffer {
  const entries = Object.entries(banks);
  const spec = Buffer.concat([
    ...[Buffer.from(name), Buffer.alloc(8), le(entries.length, 4)],
    ...entries.flatMap(([algorithm, size]) => [le(Number(algorithm), 2), le(size, 2)]),
    Buffer.of(0),
  ]);
  return Buffer.concat([le(0, 4), le(3, 4), Buffer.alloc(20), le(spec.length, 4), spec]);
}

function event(register: number, type: number, data: string): Buffer {
  const bytes = Buffer.from(data, "latin1");
  return Buffer.concat([
    ...[le(register, 4), le(type, 4), le(2, 4), le(4, 2), Buffer.alloc(20), le(11, 2), sha256(bytes)],
    ...[le(bytes.length, 4), bytes],
  ]);
}

const whole = Buffer.concat([
  header(),
  event(0, 3, "StartupLocality\0\x03"),
  event(0, 8, "firmware"),
  event(4, 0x80000003, "b\0o\0o\0t\0l\0o\0a\0d\0e\0r\0"),
  event(4, 0x0d, "second"),
]);

describe("a log of measured events", () => {
  it("comes to the registers a TPM would have, from where it started", () => {
    const { events, registers } = readEventLog(gzipSync(whole));
    assert.equal(events.length, 4);
    assert.equal(events[2]?.text, "bootloader");
    const locality = Buffer.alloc(32);
    locality[31] = 3;
    assert.equal(
      registers.get(0)?.toHex(),
      sha256(locality, sha256(Buffer.from("firmware"))).toString("hex"),
    );
    const loader = sha256(Buffer.from("b\0o\0o\0t\0l\0o\0a\0d\0e\0r\0", "latin1"));
    const one = sha256(Buffer.alloc(32), loader);
    assert.equal(registers.get(4)?.toHex(), sha256(one, sha256(Buffer.from("second"))).toString("hex"));
    assert.deepEqual([...registers.keys()], [0, 4]);
  });

  const rows: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["that is not packed", whole, /not gzip/],
    ["that is empty", gzipSync(new Uint8Array()), /cut short/],
    ["that unpacks without end", gzipSync(new Uint8Array(2 * 1024 * 1024)), /more than 1048576 bytes/],
    ["in the older form", gzipSync(header({ 11: 32 }, "Spec ID Event00\0")), /older form/],
    ["without SHA-256", gzipSync(header({ 4: 20 })), /no SHA-256/],
    ["of a register there is none of", gzipSync(Buffer.concat([header(), event(24, 8, "x")])), /register 24/],
    [
      "with too many events",
      gzipSync(Buffer.concat([header(), ...Array(4097).fill(event(1, 8, ""))])),
      /4096/,
    ],
  ];
  for (const [what, bytes, says] of rows) {
    it(`${what} is refused`, () => assert.throws(() => readEventLog(bytes), says));
  }

  it("cut short anywhere, or with any byte changed, is read or refused, and nothing else", () => {
    const random = new SeededRandom(1);
    const read = (bytes: Uint8Array): void => {
      try {
        readEventLog(gzipSync(bytes));
      } catch (error) {
        assert.equal((error as Error).name, "EventLogError");
      }
    };
    for (let length = 0; length < whole.length; length++) read(whole.subarray(0, length));
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(whole);
      bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
      read(bytes);
    }
  });
});
