/** The key of the vault, in a TPM that may be told of another system. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { Log, SystemClock, SystemRandom, seconds, silentSink } from "@selvedge/base";
import { config, info } from "@selvedge/eve-api";
import { LinuxDisk } from "../src/host/linux/linux-disk.ts";
import { TpmKeyStore } from "../src/identity/tpm/tpm-key-store.ts";
import { VaultKey } from "../src/identity/vault-key.ts";
import { ControlWorld, type RunningEngine } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";
import { SoftwareTpm, tpmMissing as skip } from "./software-tpm.ts";

const log = new Log("test", new SystemClock(), silentSink);

/** One start of an engine's vault. */
async function withVault<T>(
  tpm: SoftwareTpm,
  work: (vault: VaultKey) => Promise<T>,
  folder = "disk",
): Promise<T> {
  await using keys = await TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
  const disk = new LinuxDisk(join(tpm.folder, folder));
  return await work(await VaultKey.open({ keys, disk, random: new SystemRandom(), log }));
}

async function powerCycle(tpm: SoftwareTpm): Promise<void> {
  await tpm.off();
  await tpm.on();
}

describe("the vault's key", { skip }, () => {
  it("is made when the controller has none, and opens at each boot of the same system", async () => {
    await using tpm = await new SoftwareTpm().on();
    const first = await withVault(tpm, async (vault) => {
      assert.equal(vault.state, "none");
      const copy = await vault.attested([], undefined);
      assert.equal(copy?.length, 65 + 12 + 32 + 16);
      return vault.key;
    });
    assert.equal(first?.length, 32);
    await powerCycle(tpm);
    const again = await withVault(tpm, async (vault) => vault.key);
    assert.deepEqual(again, first);
  });

  it("stays sealed when the box measures another system, until the controller gives the copy back", async () => {
    await using tpm = await new SoftwareTpm().on();
    const made = await withVault(tpm, async (vault) => ({
      copy: (await vault.attested([], undefined)) ?? new Uint8Array(),
      key: vault.key,
    }));
    await powerCycle(tpm);
    await tpm.measure(4);
    await withVault(tpm, async (vault) => {
      assert.equal(vault.state, "locked");
      const other = made.copy.slice().fill(9, 70);
      assert.equal(await vault.attested([], undefined), undefined);
      assert.equal(await vault.attested([other], undefined), undefined);
      assert.equal(vault.state, "locked");
      assert.notEqual(await vault.attested([other, made.copy], undefined), undefined);
      assert.deepEqual(vault.key, made.key);
    });
    // Sealed anew to what is measured now.
    await withVault(tpm, async (vault) => assert.deepEqual(vault.key, made.key));
    await powerCycle(tpm);
    await withVault(tpm, async (vault) => assert.equal(vault.state, "locked"));
  });

  it("is sealed to the registers that the controller names", async () => {
    await using tpm = await new SoftwareTpm().on();
    await withVault(tpm, async (vault) => void (await vault.attested([], [0, 1])));
    await tpm.measure(4);
    await withVault(tpm, async (vault) => {
      assert.equal(vault.state, "open");
      await vault.attested([], [0, 4]);
    });
    await tpm.measure(4);
    await withVault(tpm, async (vault) => assert.equal(vault.state, "locked"));
  });

  it("comes back to a box whose disk was replaced, and to no other box", async () => {
    await using tpm = await new SoftwareTpm().on();
    await using other = await new SoftwareTpm().on();
    const made = await withVault(tpm, async (vault) => ({
      copy: (await vault.attested([], undefined)) ?? new Uint8Array(),
      key: vault.key,
    }));
    await withVault(
      tpm,
      async (vault) => {
        await vault.attested([made.copy], undefined);
        assert.deepEqual(vault.key, made.key);
      },
      "new-disk",
    );
    await withVault(other, async (vault) => {
      assert.equal(await vault.attested([made.copy], undefined), undefined);
      assert.equal(vault.state, "none");
    });
  });

  it("is escrowed with the controller by a node that attests, with the firmware's log beside the quote", async () => {
    await using tpm = await new SoftwareTpm().on();
    const folder = mkdtempSync(join(tmpdir(), "selvedge-log-"));
    const eventLog = join(folder, "log");
    writeFileSync(eventLog, "what the firmware measured");
    try {
      const world = new ControlWorld();
      const keys = (): Promise<TpmKeyStore> =>
        TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket }, eventLog);
      const states = (): (info.AttestationState | undefined)[] =>
        world.gateway.infos.flatMap(({ InfoContent: { case: kind, value } }) =>
          kind === "dinfo" ? [value.attestationInfo?.state] : [],
        );
      await using _engine = await world.engine({ keys });
      await world.until("escrowed", () => world.gateway.escrow.length === 1);
      await world.until("told", () => states().at(-1) === info.AttestationState.COMPLETE);
      const [quote] = world.gateway.quotes;
      assert.equal(quote?.pcrValues.length, 24);
      const kept = gunzipSync(quote?.tpmBinaryEventLog ?? new Uint8Array()).toString();
      assert.equal(kept, "what the firmware measured");
      await world.clock.pass(seconds(1));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is told of: encrypted, locked by another firmware, in maintenance meanwhile, open again", async () => {
    await using tpm = await new SoftwareTpm().on();
    const world = new ControlWorld();
    const keys = (): Promise<TpmKeyStore> => TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    const last = (): info.ZInfoDevice | undefined => {
      const devices = world.gateway.infos.flatMap(({ InfoContent: { case: kind, value } }) =>
        kind === "dinfo" ? [value] : [],
      );
      return devices.at(-1);
    };
    const vault = (): info.DataSecAtRestStatus | undefined => last()?.dataSecAtRestInfo?.vaultList[0]?.status;
    const { DATASEC_AT_REST_ENABLED: enabled, DATASEC_AT_REST_ERROR: error } = info.DataSecAtRestStatus;
    {
      await using _engine = await world.engine({ keys });
      await world.until("encrypted", () => vault() === enabled && world.gateway.escrow.length === 1);
    }
    await powerCycle(tpm);
    await tpm.measure(4);
    const { escrow } = world.gateway;
    world.gateway.escrow = [];
    {
      await using _engine = await world.engine({ keys });
      await world.until("locked", () => vault() === error);
      assert.equal(last()?.maintenanceMode, false);
      await world.clock.pass(seconds(400));
      await world.until("maintenance", () => last()?.maintenanceMode === true);
      assert.deepEqual(last()?.maintenanceModeReasons, [info.MaintenanceModeReason.VAULT_LOCKED_UP]);
    }
    world.gateway.escrow = escrow;
    await using _engine = await world.engine({ keys });
    await world.until("open", () => vault() === enabled);
    await world.until("in service", () => last()?.maintenanceMode === false);
  });

  it("opens the accepted configuration, which says nothing to who has the disk alone", async () => {
    await using tpm = await new SoftwareTpm().on();
    const world = new ControlWorld();
    world.gateway.config = create(config.EdgeDevConfigSchema, {
      ...{ id: { uuid: nodeId }, profileServerToken: "nobodymayread" },
    });
    const keys = (): Promise<TpmKeyStore> => TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket });
    const file = (): string => Buffer.from(world.plates.read("control/config.pb") ?? []).toString("latin1");
    const runs = ({ store }: RunningEngine): boolean => store.desired.get() !== undefined;
    {
      await using engine = await world.engine({ keys });
      await world.until("escrowed", () => runs(engine) && world.gateway.escrow.length === 1);
      await world.until("sealed", () => file().startsWith("\0sealed1"));
      assert.ok(!file().includes("nobodymayread"));
    }
    const { escrow } = world.gateway;
    world.gateway.online = false;
    await powerCycle(tpm);
    {
      await using engine = await world.engine({ keys });
      assert.ok(runs(engine), "the same system needs nobody to go on");
    }
    await powerCycle(tpm);
    await tpm.measure(4);
    await using engine = await world.engine({ keys });
    assert.ok(!runs(engine));
    assert.ok(world.said("stays sealed until the vault is open"));
    world.gateway.escrow = escrow;
    world.gateway.online = true;
    await world.until("open", () => runs(engine));
    await world.until("sealed again", () => file().startsWith("\0sealed1"));
  });

  it("is escrowed all the same when the firmware's log cannot be read, and the node says so", async () => {
    await using tpm = await new SoftwareTpm().on();
    const world = new ControlWorld();
    const keys = (): Promise<TpmKeyStore> =>
      TpmKeyStore.open({ kind: "swtpm", socket: tpm.socket }, join(tpm.folder, "no-such-log"));
    await using _engine = await world.engine({ keys });
    await world.until("escrowed", () => world.gateway.escrow.length === 1);
    assert.equal(world.gateway.quotes[0]?.tpmBinaryEventLog.length, 0);
    assert.ok(world.said("what the firmware measured cannot be shown"));
  });
});
