/** What a device refuses of a change, though both the old and the new configuration are good. */
import { equals, toBinary } from "@bufbuild/protobuf";
import { app, type config, type devcommon, storage, vm } from "@selvedge/eve-api";
import type { Strictness } from "./strictness.ts";

export function checkChange(
  before: config.EdgeDevConfig,
  after: config.EdgeDevConfig,
  strict: Strictness,
): void {
  for (const now of after.apps) {
    const was = before.apps.find(({ uuidandversion }) => uuidandversion?.uuid === now.uuidandversion?.uuid);
    if (was !== undefined) checkApp(was, now, strict);
  }
  for (const volume of after.volumes) {
    const was = before.volumes.find(
      ({ uuid, generationCount }) => uuid === volume.uuid && generationCount === volume.generationCount,
    );
    if (was?.origin === undefined || volume.origin === undefined) continue;
    const same = equals(storage.VolumeContentOriginSchema, was.origin, volume.origin);
    strict.require(same, `volume ${volume.uuid}: what it is made from changed under the same generation`);
  }
  for (const content of after.contentInfo) {
    const was = before.contentInfo.find(({ uuid }) => uuid === content.uuid);
    const same = was === undefined || (was.URL === content.URL && was.sha256 === content.sha256);
    strict.require(same, `content tree ${content.uuid}: another image under the same name is never fetched`);
  }
  checkCommands(before, after, strict);
}

function checkApp(was: app.AppInstanceConfig, now: app.AppInstanceConfig, strict: Strictness): void {
  const name = `app ${now.displayname}`;
  const purged = was.purge?.counter !== now.purge?.counter;
  const restarted = was.restart?.counter !== now.restart?.counter;
  const kept = sameVolumes(was.volumeRefList, now.volumeRefList);
  if (!purged) {
    strict.require(kept, `${name}: its volumes changed: need purge, but not a purgeCmd`);
    const adapters = was.adapters.length === now.adapters.length;
    strict.require(adapters, `${name}: its adapters changed: need purge, but not a purgeCmd`);
  }
  if (!purged && !restarted && was.fixedresources !== undefined && now.fixedresources !== undefined) {
    const same = equals(vm.VmConfigSchema, was.fixedresources, now.fixedresources);
    strict.require(same, `${name}: its machine changed: need restart, but not a restartCmd`);
  }
  if (purged && kept) strict.fault(`${name}: a purge that names the same volumes keeps the old disk`);
}

/** A counter that goes away is forgotten: the next one is "first seen" and not acted on. */
function checkCommands(before: config.EdgeDevConfig, after: config.EdgeDevConfig, strict: Strictness): void {
  for (const command of ["reboot", "shutdown"] as const) {
    if (before[command] !== undefined && after[command] === undefined) {
      strict.fault(`${command}: the counter went away, so the next command will not be executed`);
    }
  }
  for (const now of after.apps) {
    const was = before.apps.find(({ uuidandversion }) => uuidandversion?.uuid === now.uuidandversion?.uuid);
    for (const command of ["restart", "purge"] as const) {
      if (was?.[command] !== undefined && now[command] === undefined) {
        strict.fault(`app ${now.displayname}: ${command} went away, which acts as another counter`);
      }
    }
  }
}

function sameVolumes(left: readonly app.VolumeRef[], right: readonly app.VolumeRef[]): boolean {
  const bytes = (list: readonly app.VolumeRef[]): string =>
    list.map((one) => toBinary(app.VolumeRefSchema, one).toHex()).join();
  return bytes(left) === bytes(right);
}

/** Whether a command is to be executed: never the first one that was ever seen. */
export function isCommand(saved: number | undefined, sent: devcommon.DeviceOpsCmd | undefined): boolean {
  return sent !== undefined && saved !== undefined && saved !== sent.counter;
}
