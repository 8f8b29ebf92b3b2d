/** What an app leaves on a disk, read without the box's TPM: on real machines and a real software TPM. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { app as appApi, ext, setExtension } from "@selvedge/eve-api";
import { LinuxDisk } from "../src/host/linux/linux-disk.ts";
import { TpmKeyStore } from "../src/identity/tpm/tpm-key-store.ts";
import { VaultKey } from "../src/identity/vault-key.ts";
import { AppWorld, bringContent, skip as noMachines } from "./app-world.ts";
import { SoftwareTpm, tpmMissing } from "./software-tpm.ts";
import { appInit, desired, ids, volume } from "./volume-world.ts";

const log = new Log("test", new SystemClock(), silentSink);
/** Put together by the app alone, so that no configuration has it. */
const marker = "nobodymayread";
const script = `
m=$(printf '%s%s' nobody mayread)
echo "found $(head -n 1 /data/file) $(head -n 1 /scratch/file)"
for f in /data/file /scratch/file /root-file; do yes $m | head -n 20000 > $f; done
sync
echo "wrote $m"
trap 'exit 0' TERM; sleep 1000 & wait`;

function writer(): appApi.AppInstanceConfig {
  const item = create(
    appApi.AppInstanceConfigSchema,
    appInit({ uuidandversion: { uuid: ids.app, version: "1" }, displayname: "shop/writer" }),
  );
  const mounts = ["data", "scratch"].map((name) => ({ volume: name, mountPath: `/${name}` }));
  const extension = create(ext.AppExtensionSchema, {
    name: "writer",
    containers: [
      {
        ...{ name: "main", image: "busybox", contentTreeId: ids.content, volumeMounts: mounts },
        command: ["/bin/sh", "-c", script],
      },
    ],
    volumes: [
      { name: "data", source: { case: "nodeVolume", value: { volumeId: ids.data } } },
      { name: "scratch", source: { case: "emptyDir", value: {} } },
    ],
    restartPolicy: ext.RestartPolicy.ALWAYS,
  });
  setExtension(item, ext.AppExtensionSchema, extension);
  return item;
}

const wish = desired([volume(ids.data, 0n, { maxsizebytes: BigInt(96 * 2 ** 20) })], [writer()]);

/** Files with the marker in them, as who has nothing but the disk finds them; and how much was looked at. */
function readable(folder: string): { names: string[]; bytes: number } {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".spare"))
    .map((entry) => join(entry.parentPath, entry.name));
  const names = all.filter((path) => readFileSync(path).includes(marker));
  return { names, bytes: all.reduce((sum, path) => sum + statSync(path).blocks * 512, 0) };
}

describe("a stolen disk", { skip: noMachines || tpmMissing, timeout: 600_000 }, () => {
  it("tells nothing of what apps wrote and said, and is the app's again where it belongs", async () => {
    await using tpm = await new SoftwareTpm().on();
    /** One boot's vault: the TPM is asked anew. */
    const boot = async (): Promise<{ keys: TpmKeyStore; vault: VaultKey }> => {
      const keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
      const disk = new LinuxDisk(join(tpm.folder, "disk"));
      return { keys, vault: await VaultKey.open({ keys, disk, random: new SystemRandom(), log }) };
    };
    const first = await boot();
    await using world = await AppWorld.open({ vault: first.vault });
    bringContent(world, ids.content);
    world.desire(wish);
    const waits = await world.until(ids.app, (it) => it?.report.reason === "VaultLocked");
    assert.match(waits?.report.message ?? "", /once the controller has accepted its quote/);
    const copy = (await first.vault.attested([], undefined)) ?? new Uint8Array();
    await world.untilLog(ids.app, /main: wrote nobodymayread/);
    await first.keys[Symbol.asyncDispose]();

    // The engine is killed, the machine goes on and is adopted.
    await world.killEngine();
    const again = await boot();
    world.vault = again.vault;
    await world.startEngine();
    bringContent(world, ids.content);
    await world.until(ids.app, (it) => it?.report.phase === "Running");
    await world.untilLog(ids.app, /main: wrote nobodymayread/);
    await again.keys[Symbol.asyncDispose]();

    // The power goes, and the disk is read elsewhere.
    await world.killEngine();
    await world.hypervisor.kill(ids.app);
    const found = readable(world.folder);
    assert.deepEqual(found.names, []);
    assert.ok(found.bytes > 2 * 20_000 * marker.length, "the disks are among what was looked at");

    // Another firmware: the box itself does not get at them either, until its controller has accepted that.
    await tpm.off();
    await tpm.on();
    await tpm.measure(4);
    const updated = await boot();
    world.vault = updated.vault;
    await world.startEngine("boot-2");
    bringContent(world, ids.content);
    const locked = await world.until(ids.app, (it) => it?.report.reason === "VaultLocked");
    assert.match(locked?.report.message ?? "", /measures another system/);
    assert.equal(await updated.vault.attested([], undefined), undefined, "no key is made in its place");
    assert.notEqual(await updated.vault.attested([copy], undefined), undefined);
    await world.untilLog(ids.app, /main: found nobodymayread nobodymayread/);
    const said = await world.logLines(ids.app);
    assert.equal(said.filter((line) => line === "main: wrote nobodymayread").length >= 1, true);
    await updated.keys[Symbol.asyncDispose]();
  });
});
