import * as attest from "./gen/attest/attest_pb.ts";
import * as auth from "./gen/auth/auth_pb.ts";
import * as certs from "./gen/certs/certs_pb.ts";
import * as app from "./gen/config/appconfig_pb.ts";
import * as baseos from "./gen/config/baseosconfig_pb.ts";
import * as compound from "./gen/config/compound_devconfig_pb.ts";
import * as devcommon from "./gen/config/devcommon_pb.ts";
import * as config from "./gen/config/devconfig_pb.ts";
import * as devmodel from "./gen/config/devmodel_pb.ts";
import * as edgeview from "./gen/config/edgeview_pb.ts";
import * as firewall from "./gen/config/fw_pb.ts";
import * as netconfig from "./gen/config/netconfig_pb.ts";
import * as netinst from "./gen/config/netinst_pb.ts";
import * as patchEnvelope from "./gen/config/patch_envelope_pb.ts";
import * as scep from "./gen/config/scep_pb.ts";
import * as storage from "./gen/config/storage_pb.ts";
import * as vm from "./gen/config/vm_pb.ts";
import * as cipher from "./gen/evecommon/acipherinfo_pb.ts";
import * as devmodelCommon from "./gen/evecommon/devmodelcommon_pb.ts";
import * as common from "./gen/evecommon/evecommon_pb.ts";
import * as netCommon from "./gen/evecommon/netcmn_pb.ts";
import * as uuid from "./gen/eveuuid/eveuuid_pb.ts";
import * as flowlog from "./gen/flowlog/flowlog_pb.ts";
import * as hardwareHealth from "./gen/hardwarehealth/hardware_health_pb.ts";
import * as bondInfo from "./gen/info/bond_pb.ts";
import * as certInfo from "./gen/info/cert_pb.ts";
import * as infoCommon from "./gen/info/common_pb.ts";
import * as hardware from "./gen/info/hardware_pb.ts";
import * as info from "./gen/info/info_pb.ts";
import * as ntp from "./gen/info/ntpsources_pb.ts";
import * as patchInfo from "./gen/info/patch_envelope_pb.ts";
import * as pnacInfo from "./gen/info/pnac_pb.ts";
import * as logs from "./gen/logs/log_pb.ts";
import * as metrics from "./gen/metrics/metrics_pb.ts";
import * as profile from "./gen/profile/local_profile_pb.ts";
import * as profileNetwork from "./gen/profile/network_pb.ts";
import * as signal from "./gen/profile/signal_pb.ts";
import * as scepProxy from "./gen/proxy/scep_pb.ts";
import * as register from "./gen/register/register_pb.ts";
import * as ext from "./gen/selvedge/ext_pb.ts";

export { bondModes } from "./bond-modes.ts";
export {
  CipherBlockError,
  type CipherPort,
  deriveSharedKey,
  openCipherBlock,
  sealCipherBlock,
} from "./cipher-block.ts";
export {
  type Endpoint,
  type EndpointMatch,
  type EndpointName,
  endpoints,
  linkPath,
  matchEndpoint,
  pathOf,
} from "./endpoints.ts";
export {
  decodeEnvelope,
  type Envelope,
  EnvelopeError,
  encodeEnvelope,
  type HashKind,
  shortHash,
} from "./envelope.ts";
export { ExtensionError, getExtension, setExtension } from "./extensions.ts";
export type { EdgeDevConfig } from "./gen/config/devconfig_pb.ts";
export type { ZInfoMsg } from "./gen/info/info_pb.ts";
export type { ZMetricMsg } from "./gen/metrics/metrics_pb.ts";
export { LinkMux, type LinkMuxOptions } from "./link/link-mux.ts";
export type { LinkSocket } from "./link/link-socket.ts";
export { LinkClosedError, type LinkStream } from "./link/link-stream.ts";
// One namespace a topic of the API, so that a reader sees where a message belongs: `info.ZInfoMsg`,
// `config.EdgeDevConfig`.
export {
  app,
  attest,
  auth,
  baseos,
  bondInfo,
  certInfo,
  certs,
  cipher,
  common,
  compound,
  config,
  devcommon,
  devmodel,
  devmodelCommon,
  edgeview,
  ext,
  firewall,
  flowlog,
  hardware,
  hardwareHealth,
  info,
  infoCommon,
  logs,
  metrics,
  netCommon,
  netconfig,
  netinst,
  ntp,
  patchEnvelope,
  patchInfo,
  pnacInfo,
  profile,
  profileNetwork,
  register,
  scep,
  scepProxy,
  signal,
  storage,
  uuid,
  vm,
};
