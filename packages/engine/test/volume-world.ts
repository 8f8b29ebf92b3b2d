/** Configurations of a controller that is not ours, for an app on volumes. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type app, config } from "@selvedge/eve-api";
import { translate } from "../src/control/translate.ts";
import type { AppId, DesiredState } from "../src/desired.ts";

export const ids = {
  node: "11111111-1111-4111-8111-111111111111",
  app: "22222222-2222-4222-8222-222222222222" as AppId,
  other: "22222222-2222-4222-8222-222222222223" as AppId,
  content: "33333333-3333-4333-8333-333333333333",
  disk: "33333333-3333-4333-8333-333333333334",
  root: "44444444-4444-4444-8444-444444444441",
  data: "44444444-4444-4444-8444-444444444442",
  more: "44444444-4444-4444-8444-444444444443",
  store: "66666666-6666-4666-8666-666666666666",
} as const;

type Init = MessageInitShape<typeof config.EdgeDevConfigSchema>;
export type AppInit = Partial<MessageInitShape<typeof app.AppInstanceConfigSchema>>;

const download = (id: string): object => ({ type: 2, downloadContentTreeID: id });

/** A volume of the content, or a blank one. */
export function volume(uuid: string, generationCount: bigint, more: object = {}): object {
  return { uuid, generationCount, origin: { type: 1 }, clearText: true, ...more };
}

export function imageVolume(uuid: string, generationCount: bigint, more: object = {}): object {
  return volume(uuid, generationCount, { origin: download(ids.content), ...more });
}

export function diskVolume(uuid: string, generationCount: bigint, more: object = {}): object {
  return volume(uuid, generationCount, { origin: download(ids.disk), ...more });
}

export function appInit(more: AppInit): object {
  return {
    uuidandversion: { uuid: ids.app, version: "1" },
    displayname: "till",
    fixedresources: { memory: 163_840, vcpus: 1, virtualizationMode: 1 },
    activate: true,
    ...more,
  };
}

export function desired(
  volumes: readonly object[],
  apps: readonly object[],
  more: object = {},
): DesiredState {
  const init = {
    id: { uuid: ids.node },
    datastores: [{ id: ids.store, dType: 5, fqdn: "docker://registry.example" }],
    contentInfo: [
      { uuid: ids.content, URL: "busybox:1", iformat: 8, dsIdsList: [ids.store] },
      { uuid: ids.disk, URL: "disk.qcow2", iformat: 3, dsIdsList: [ids.store] },
    ],
    volumes,
    apps,
    ...more,
  };
  const message = create(config.EdgeDevConfigSchema, init as unknown as Init);
  return translate(message, "hash", async () => ({ user: "", password: "" }));
}
