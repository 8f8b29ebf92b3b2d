import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createCipheriv, createDecipheriv } from "node:crypto";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { checksums, checksumsFile, generate } from "../generate.ts";
import { type CipherPort, deriveSharedKey, openCipherBlock, sealCipherBlock } from "./cipher-block.ts";
import { type EndpointName, endpoints, matchEndpoint, pathOf } from "./endpoints.ts";
import { getExtension, setExtension } from "./extensions.ts";
import { AppInstanceConfigSchema } from "./gen/config/appconfig_pb.ts";
import { EncryptionBlockSchema } from "./gen/evecommon/acipherinfo_pb.ts";
import { AppExtensionSchema } from "./gen/selvedge/ext_pb.ts";

const here = import.meta.dirname;

describe("the schema", () => {
  const proto = globSync("**/*.proto", { cwd: join(here, "../proto") }).filter(
    (path) => !path.startsWith("selvedge/"),
  );
  const text = proto.map((path) => readFileSync(join(here, "../proto", path), "utf8")).join("\n");

  it("has every message and enum of the API", () => {
    assert.equal(text.match(/^ *message /gm)?.length, 313);
    assert.equal(text.match(/^ *enum /gm)?.length, 117);
  });

  it("was not changed without the generated code, nor the code without it", () => {
    const left: unknown = JSON.parse(readFileSync(join(here, "gen", checksumsFile), "utf8"));
    assert.deepEqual(checksums(join(here, "gen")), left, "run generate.ts");
  });

  it("is what the generated code was made from", {
    skip: !hasProtoc() && "protoc or its includes are missing",
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), "selvedge-gen-"));
    try {
      generate(folder);
      const files = globSync("**/*.ts", { cwd: folder }).sort();
      assert.deepEqual(files, globSync("**/*.ts", { cwd: join(here, "gen") }).sort());
      for (const file of files) {
        const fresh = readFileSync(join(folder, file), "utf8");
        assert.equal(readFileSync(join(here, "gen", file), "utf8"), fresh, `${file}: run generate.ts`);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function hasProtoc(): boolean {
  const input = "google/protobuf/timestamp.proto";
  return (
    spawnSync("protoc", ["--proto_path=/usr/include", "--descriptor_set_out=/dev/null", input]).status === 0
  );
}

describe("an extension", () => {
  it("survives encoding, decoding and being set again", () => {
    const message = create(AppInstanceConfigSchema, { displayname: "web" });
    setExtension(message, AppExtensionSchema, create(AppExtensionSchema, { name: "first" }));
    setExtension(message, AppExtensionSchema, create(AppExtensionSchema, { name: "x".repeat(300) }));
    const again = fromBinary(AppInstanceConfigSchema, toBinary(AppInstanceConfigSchema, message));
    assert.equal(getExtension(again, AppExtensionSchema)?.name.length, 300);
    assert.equal(again.displayname, "web");
  });

  it("is undefined where a stranger set none, and refused where it is broken", () => {
    const message = create(AppInstanceConfigSchema);
    assert.equal(getExtension(message, AppExtensionSchema), undefined);
    message.$unknown = [{ no: 50_001, wireType: 2, data: Uint8Array.of(9, 1) }];
    assert.throws(() => getExtension(message, AppExtensionSchema), /wrong length/);
  });
});

describe("endpoints", () => {
  const node = "e072c17e-8657-4899-91ee-ef99105b8662";
  const app = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";

  it("are found by the paths they build", () => {
    for (const name of Object.keys(endpoints) as EndpointName[]) {
      const match = matchEndpoint(pathOf(name, { node, app }));
      assert.equal(match?.name, name);
      if (endpoints[name].path.includes("{node}")) assert.equal(match?.node, node);
      if (endpoints[name].path.includes("{app}")) assert.equal(match?.app, app);
    }
  });

  for (const path of [
    "/api/v1/edgedevice/ping",
    "/api/v2/edgedevice/id/x/config",
    "/api/v2/edgedevice/ping/",
    "",
  ]) {
    it(`${JSON.stringify(path)} is none`, () => assert.equal(matchEndpoint(path), undefined));
  }
});

describe("a cipher block", () => {
  const port: CipherPort = {
    encrypt: (key, iv, plaintext) => createCipheriv("aes-256-cfb", key, iv).update(plaintext),
    decrypt: (key, iv, ciphertext) => createDecipheriv("aes-256-cfb", key, iv).update(ciphertext),
  };
  const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);
  const x = hex("ccfc261f58193c98ca4ad4a53bbac6f0ee29bc4d48438090446908622ca79af6");
  const y = hex("21d4c088f30a3527103b969ed229ee6372b316e85a4b348ec7c1f043c8ff7095");

  it("is what Go's standard library makes of the same keys", async () => {
    const key = await deriveSharedKey(x, y);
    assert.equal(key.toHex(), "ce52bf7e89ac81bd6c630020dba95116ad00bf9601347e6aab2e39d98fa8aa9e");
    const plaintext = toBinary(
      EncryptionBlockSchema,
      create(EncryptionBlockSchema, { dsAPIKey: "user", dsPassword: "secret" }),
    );
    const iv = Uint8Array.from({ length: 16 }, (_, index) => index);
    const block = await sealCipherBlock(port, { key, iv, contextId: "c", plaintext });
    assert.equal(block.cipherData.toHex(), "19b411a5f0059626814208415d1d");
    assert.equal(
      block.clearTextSha256.toHex(),
      "065256a76e35a22d3e35435e388fee5ca933cdf4514d72a7394fd397108cdb5c",
    );
    assert.equal((await openCipherBlock(port, key, block)).toHex(), plaintext.toHex());
  });

  it("does not open with a bit changed, with another key, or with a short IV", async () => {
    const key = await deriveSharedKey(x, y);
    const sealed = await sealCipherBlock(port, {
      ...{ key, iv: new Uint8Array(16), contextId: "c", plaintext: hex("0102030405") },
    });
    const flipped = sealed.cipherData.slice();
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    await assert.rejects(openCipherBlock(port, key, { ...sealed, cipherData: flipped }), /does not open/);
    await assert.rejects(openCipherBlock(port, await deriveSharedKey(y, x), sealed), /does not open/);
    await assert.rejects(
      openCipherBlock(port, key, { ...sealed, initialValue: new Uint8Array(4) }),
      /16 bytes/,
    );
  });

  it("pads a coordinate that begins with zeros", async () => {
    const short = Uint8Array.of(7);
    const padded = new Uint8Array(32);
    padded[31] = 7;
    assert.deepEqual(await deriveSharedKey(short, y), await deriveSharedKey(padded, y));
  });
});
