import { openUserData } from "../app/seed/user-data.ts";
import type { SecretOpener } from "../ports.ts";
import { type Caller, json, type MetadataAnswer, refusal } from "./exchange.ts";

/** As OpenStack's metadata service has it, for apps whose configuration asks for that; any version is the latest. */
export async function openStackAnswer(
  path: string,
  caller: Caller | undefined,
  secrets: SecretOpener,
): Promise<MetadataAnswer> {
  if (caller === undefined) return refusal(501, "no AppNetworkStatus for the caller");
  const { app } = caller;
  if (app.foreign?.metaData !== "openstack") return refusal(404, `no MetaDataOpenStack for ${app.id}`);
  if (path === "/openstack") return { status: 200, type: "text/plain", body: "latest\n" };
  const [, , , file = ""] = path.split("/");
  switch (file) {
    case "meta_data.json": {
      const keys = sshKeys(new TextDecoder().decode(await openUserData(app, secrets)));
      return json({
        hostname: app.displayName,
        keys:
          keys.length === 0
            ? null
            : keys.map((key, at) => ({ data: `${key}\n`, name: `key-${at}`, type: "ssh" })),
        launch_index: 0,
        name: app.displayName,
        public_keys: Object.fromEntries(keys.map((key, at) => [`key-${at}`, `${key}\n`])),
        uuid: app.id,
      });
    }
    case "network_data.json":
      return json({ networks: [], services: [] });
    case "user_data":
      return { status: 200, type: "text/yaml", body: await openUserData(app, secrets) };
    case "vendor_data.json":
      return { status: 200, type: "application/json", body: "{}" };
    default:
      return refusal(404, "not found");
  }
}

/** Keys that the user data lets in, which OpenStack names among what it knows. */
function sshKeys(userData: string): string[] {
  const lines = userData.split("\n");
  const from = lines.findIndex((line) => /^ssh_authorized_keys:\s*$/.test(line));
  if (from < 0) return [];
  const keys: string[] = [];
  for (const line of lines.slice(from + 1)) {
    const [, key] = /^\s*-\s+["']?(.+?)["']?\s*$/.exec(line) ?? [];
    if (key === undefined) break;
    keys.push(key);
  }
  return keys;
}
