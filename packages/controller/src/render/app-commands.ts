import { create, equals, toBinary } from "@bufbuild/protobuf";
import { app, vm } from "@selvedge/eve-api";

/**
 * Counters that a device of EVE waits for before it acts on a change: another set of volumes or adapters
 * needs a purge, another machine a restart; without, it keeps what runs and reports an error. They go on
 * from the configuration before, as a device acts on any other number, and one that was set stays set.
 */
export function withCommands(
  now: app.AppInstanceConfig,
  before: app.AppInstanceConfig | undefined,
): app.AppInstanceConfig {
  if (before === undefined) return now;
  const needsPurge = !sameParts(before, now);
  const needsRestart = !needsPurge && !sameMachine(before, now);
  const purge = (before.purge?.counter ?? 0) + (needsPurge ? 1 : 0);
  const restart = (before.restart?.counter ?? 0) + (needsRestart ? 1 : 0);
  // Nothing is the same as 0 to a device, and a configuration without counters is the shorter one.
  if (purge > 0) now.purge = create(app.InstanceOpsCmdSchema, { counter: purge });
  if (restart > 0) now.restart = create(app.InstanceOpsCmdSchema, { counter: restart });
  return now;
}

function sameParts(one: app.AppInstanceConfig, other: app.AppInstanceConfig): boolean {
  const [left, right] = [one, other].map(({ volumeRefList, adapters }) =>
    [
      ...volumeRefList.map((volume) => toBinary(app.VolumeRefSchema, volume).toHex()),
      ...adapters.map(({ name, type }) => `${type} ${name}`),
    ].join(),
  );
  return left === right;
}

function sameMachine({ fixedresources: one }: app.AppInstanceConfig, other: app.AppInstanceConfig): boolean {
  const { fixedresources: now } = other;
  if (one === undefined || now === undefined) return one === now;
  return equals(vm.VmConfigSchema, one, now);
}
