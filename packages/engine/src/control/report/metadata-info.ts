/** What apps posted for the controller, and how patch envelopes stand, as info messages. Pure. */
import { create } from "@bufbuild/protobuf";
import { info, patchInfo } from "@selvedge/eve-api";
import type { PatchStatus } from "../../observed.ts";
import { type InfoMessage, infoMessage } from "./info-messages.ts";

const { KUBE_CONFIG, CUSTOM_STATUS } = info.AppInstMetaDataType;

/** `data` is base64; undefined tells that there is none any more. */
export function postedInfo(node: string, app: string, kind: string, data: string | undefined): InfoMessage {
  const value = create(info.ZInfoAppInstMetaDataSchema, {
    uuid: app,
    type: kind === "status" ? CUSTOM_STATUS : KUBE_CONFIG,
    data: Uint8Array.fromBase64(data ?? ""),
  });
  return infoMessage(node, info.ZInfoTypes.ZiAppInstMetaData, { case: "amdinfo", value });
}

const { EVE_PATCH_ENVELOPE_STATE: State } = patchInfo;
const states: Readonly<Record<PatchStatus["state"], patchInfo.EVE_PATCH_ENVELOPE_STATE>> = {
  error: State.PATCH_ERROR,
  received: State.PATCH_RECEIVED,
  downloading: State.PATCH_DOWNLOADING,
  ready: State.PATCH_READY,
  active: State.PATCH_ACTIVE,
};

export function patchInfoMessage(node: string, id: string, status: PatchStatus | undefined): InfoMessage {
  const value = create(patchInfo.ZInfoPatchEnvelopeSchema, {
    id,
    ...(status === undefined
      ? {}
      : {
          ...{ name: status.name, version: status.version, state: states[status.state] },
          ...{ size: BigInt(status.sizeBytes), errors: [...status.errors] },
        }),
  });
  return infoMessage(node, info.ZInfoTypes.ZiPatchEnvelope, { case: "patchInfo", value });
}
