/** What a virtual machine finds on a CD at its start: cloud-init's NoCloud, laid out as EVE does. */
import type { AppSpec } from "../../desired.ts";
import type { VmSeed } from "../hypervisor.ts";
import { readMultipart } from "./multipart.ts";
import { declaresHostname } from "./user-data.ts";

/** Undefined: it has no user data, or gets it elsewhere. `multipart`: such user data is always taken apart. */
export async function vmSeed(
  spec: AppSpec,
  userData: Uint8Array,
  multipart: boolean,
): Promise<VmSeed | undefined> {
  const { id, version, foreign } = spec;
  const wanted = foreign?.metaData === "drive" || foreign?.metaData === "multipart";
  if (foreign === undefined || !wanted || userData.length === 0) return undefined;
  const label = "cidata";
  // To look into; what is not text is handed on as it came.
  const text = new TextDecoder().decode(userData);
  if (foreign.metaData === "multipart" || multipart) {
    const parts = readMultipart(text);
    if (parts !== undefined) return { label, files: parts };
  }
  const metaData = [`instance-id: ${id}/${foreign.cloudInitVersion || version}`];
  if (!(await declaresHostname(text))) metaData.push(`local-hostname: ${id}`);
  const utf8 = new TextEncoder();
  return {
    label,
    files: [
      { path: "meta-data", content: utf8.encode(`${metaData.join("\n")}\n`) },
      // A Junos device looks for its own.
      { path: text.includes("#junos-config") ? "juniper.conf" : "user-data", content: userData },
    ],
  };
}
