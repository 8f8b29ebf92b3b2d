/** The node's certificates, and how it proves itself to its switches, as ZInfoDevice has them. Pure. */
import { X509Certificate } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { certInfo, type info, type metrics, pnacInfo } from "@selvedge/eve-api";
import "reflect-metadata";
import { type Name, X509Certificate as Parsed, SubjectAlternativeNameExtension } from "@peculiar/x509";
import type { PortSpec } from "../../desired.ts";
import type { CertificateStatus } from "../../observed.ts";
import type { CardState } from "../../port/port-driver.ts";
import { bySelf, errorInfo } from "./error-info.ts";

type CertificateInfo = NonNullable<MessageInitShape<typeof info.ZInfoDeviceSchema>["enrolledCerts"]>[number];
type PortState = NonNullable<MessageInitShape<typeof info.DevicePortSchema>["pnacStatus"]>;
type PortCounts = NonNullable<MessageInitShape<typeof metrics.deviceMetricSchema>["pnacMetrics"]>[number];

const { CertStatus: Status } = certInfo;
const phases: Readonly<Record<CertificateStatus["phase"], certInfo.CertStatus>> = {
  available: Status.AVAILABLE,
  pending: Status.PENDING,
  "renewal-pending": Status.RENEWAL_PENDING,
  expired: Status.EXPIRED,
  failed: Status.ENROLLMENT_FAILED,
  "renewal-failed": Status.RENEWAL_FAILED,
  invalid: Status.INVALID_CONFIG,
};

const otherwise = "it is tried again when its profile is configured otherwise";

export function certificateInfo(name: string, status: CertificateStatus): CertificateInfo {
  const { phase, certificate, renewAtPercent = 0, error } = status;
  return {
    ...{ certEnrollmentProfileName: name, status: phases[phase], renewPeriodPercent: renewAtPercent },
    ...(certificate === undefined ? {} : contentOf(certificate)),
    ...(error === undefined
      ? {}
      : { err: errorInfo(error, ["UNSPECIFIED", "", name], phase === "invalid" ? otherwise : bySelf) }),
  };
}

function contentOf(pem: string): Omit<CertificateInfo, "$typeName"> {
  const { raw, validFromDate, validToDate } = new X509Certificate(pem);
  const parsed = new Parsed(raw);
  const names = parsed.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const of = (type: string): string[] => names.flatMap((it) => (it.type === type ? [it.value] : []));
  return {
    ...{ subject: nameOf(parsed.subjectName), issuer: nameOf(parsed.issuerName) },
    ...{ sanDns: of("dns"), sanIp: of("ip"), sanUri: of("url"), sanEmail: of("email") },
    issueTimestamp: timestampFromMs(validFromDate.getTime()),
    expirationTimestamp: timestampFromMs(validToDate.getTime()),
    sha256Fingerprint: new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}

function nameOf(name: Name): NonNullable<CertificateInfo["subject"]> {
  const [commonName = ""] = name.getField("CN");
  const [serialNumber = ""] = name.getField("2.5.4.5");
  return {
    ...{ commonName, serialNumber, organization: name.getField("O"), country: name.getField("C") },
    ...{ organizationalUnit: name.getField("OU"), stateOrProvince: name.getField("ST") },
    locality: name.getField("L"),
  };
}

const { SupplicantState: State } = pnacInfo;
const states: Readonly<Record<NonNullable<CardState["authentication"]>["state"], pnacInfo.SupplicantState>> =
  {
    disconnected: State.DISCONNECTED,
    connecting: State.CONNECTING,
    authenticating: State.AUTHENTICATING,
    authenticated: State.AUTHENTICATED,
    held: State.HELD,
    failed: State.FAILED,
  };

/** Undefined where its switch is shown nothing. */
export function authenticationInfo(
  { authentication: spec }: PortSpec,
  card: CardState | undefined,
): PortState | undefined {
  if (spec === undefined) return undefined;
  const shown = card?.authentication;
  const waiting = card === undefined ? undefined : `there is no certificate of profile ${spec.profile} yet`;
  const problem = spec.fault ?? (shown === undefined ? waiting : shown.problem);
  return {
    ...{ enabled: true, state: shown === undefined ? State.UNSPECIFIED : states[shown.state] },
    ...(shown?.authenticatedAt === undefined
      ? {}
      : { lastAuthTimestamp: timestampFromMs(shown.authenticatedAt) }),
    ...(problem === undefined ? {} : { err: errorInfo(problem, ["PORT", "", spec.profile], bySelf) }),
  };
}

/** Frames by which ports and their switches spoke of who the node is. */
export function authenticationMetrics(
  ports: readonly PortSpec[],
  cards: Readonly<Record<string, CardState>>,
): PortCounts[] {
  return ports.flatMap(({ name, interface: card }): PortCounts[] => {
    const counters = cards[card]?.authentication?.counters;
    if (counters === undefined) return [];
    return [
      {
        ...{
          logicallabel: name,
          eapolFramesRx: BigInt(counters.received),
          eapolFramesTx: BigInt(counters.sent),
        },
        ...{
          eapolStartFramesTx: BigInt(counters.startsSent),
          eapolLogoffFramesTx: BigInt(counters.logoffsSent),
        },
        ...{ eapolRespFramesTx: BigInt(counters.responsesSent), eapolReqFramesRx: BigInt(counters.requests) },
        eapolReqIdFramesRx: BigInt(counters.identityRequests),
        invalidEapolFramesRx: BigInt(counters.invalid),
        eapLengthErrorFramesRx: BigInt(counters.lengthErrors),
      },
    ];
  });
}
