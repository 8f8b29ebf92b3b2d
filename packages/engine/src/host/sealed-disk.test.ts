import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Vault, VaultState } from "../ports.ts";
import type { Disk } from "./disk.ts";
import { SealedDisk, VaultLockedError } from "./sealed-disk.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array | undefined): string => new TextDecoder().decode(content);

/** Files in memory, and a vault whose state the test sets. */
function world(state: VaultState = "open") {
  const files = new Map<string, Uint8Array>();
  const disk = {
    read: async (path: string) => files.get(path),
    writeDurable: async (path: string, content: Uint8Array) => void files.set(path, content),
    append: async (path: string, content: Uint8Array) =>
      void files.set(path, Buffer.concat([files.get(path) ?? new Uint8Array(), content])),
    remove: async (path: string) => void files.delete(path),
  } as unknown as Disk;
  const vault = {
    state,
    secretFor: () => (vault.state === "open" ? new Uint8Array(32).fill(7).toBase64() : undefined),
  } as unknown as { state: VaultState } & Vault;
  /** As a new engine has it. */
  const open = (): SealedDisk => new SealedDisk(disk, vault);
  return { files, vault, open };
}

describe("a sealed disk", () => {
  it("reads what was written and added, also as another engine, and shows nothing of it", async () => {
    const { files, open } = world();
    const disk = open();
    await disk.append("log", bytes("one "));
    await disk.append("log", bytes("two "));
    await open().append("log", bytes("three"));
    assert.equal(text(await disk.read("log")), "one two three");
    assert.equal(text(files.get("log")).includes("two"), false);
    await disk.writeDurable("posted", bytes("secret"));
    assert.equal(text(await open().read("posted")), "secret");
    await disk.remove("log");
    await disk.append("log", bytes("anew"));
    assert.equal(text(await disk.read("log")), "anew");
  });

  it("reads up to where a power cut tore it", async () => {
    const { files, open } = world();
    const disk = open();
    await disk.append("log", bytes("whole"));
    const whole = files.get("log")?.length ?? 0;
    await disk.append("log", bytes("torn"));
    for (let left = whole; left < (files.get("log")?.length ?? 0); left++) {
      const torn = world();
      torn.files.set("log", files.get("log")?.slice(0, left) ?? new Uint8Array());
      assert.equal(text(await torn.open().read("log")), "whole", `${left} bytes`);
    }
  });

  it("does not believe what was changed", async () => {
    const { files, open } = world();
    await open().writeDurable("posted", bytes("secret"));
    files.get("posted")?.fill(0, -1);
    assert.equal(text(await open().read("posted")), "");
  });

  it("reads what lies there in clear, and seals it when it is written to", async () => {
    const { files, open } = world();
    files.set("log", bytes("before "));
    assert.equal(text(await open().read("log")), "before ");
    await open().append("log", bytes("after"));
    assert.equal(text(await open().read("log")), "before after");
    assert.equal(text(files.get("log")).includes("before"), false);
  });

  it("leaves all in clear on a node without a vault", async () => {
    const { files, open } = world("off");
    await open().append("log", bytes("clear"));
    assert.equal(text(files.get("log")), "clear");
  });

  for (const state of ["none", "locked"] as const)
    it(`refuses while the vault is ${state}`, async () => {
      const { vault, open } = world();
      await open().writeDurable("posted", bytes("secret"));
      vault.state = state;
      await assert.rejects(open().read("posted"), VaultLockedError);
      await assert.rejects(open().append("log", bytes("x")), VaultLockedError);
      assert.equal(await open().read("nothing"), undefined);
    });
});
