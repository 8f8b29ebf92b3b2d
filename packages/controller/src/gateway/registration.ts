import { fromBinary } from "@bufbuild/protobuf";
import { register } from "@selvedge/eve-api";
import type { Refused } from "./answers.ts";
import {
  certificateHash,
  decodeCertificate,
  keyFault,
  names,
  openEnvelope,
  signedBy,
} from "./authenticate.ts";
import type { Registration } from "./node-directory.ts";

/** The longest base64 of a certificate: the schema's own bound. */
const certificateTextMax = 10_240;
const serialMax = 256;
const softSerialPattern = /^[A-Za-z0-9_-]*$/;

/** Reads a box's wish to become a node: signed with the onboarding key, whose certificate is inside. */
export function readRegistration(body: Uint8Array): Registration | Refused {
  const envelope = openEnvelope(body);
  if ("status" in envelope) return envelope;
  const onboarding =
    envelope.senderCert.length > certificateTextMax ? undefined : decodeCertificate(envelope.senderCert);
  if (onboarding === undefined) return malformed("senderCert is not the base64 of a certificate");
  if (!names(envelope, certificateHash(onboarding))) {
    return malformed("senderCertHash is not the hash of senderCert");
  }
  if (!signedBy(envelope, onboarding.publicKey)) {
    return { status: 401, reason: "signature", message: "the onboarding key did not sign this" };
  }
  return readMessage(envelope.payload, onboarding);
}

function readMessage(payload: Uint8Array, onboarding: Registration["onboarding"]): Registration | Refused {
  let message: register.ZRegisterMsg;
  try {
    message = fromBinary(register.ZRegisterMsgSchema, payload);
  } catch {
    return unusable("the payload is no ZRegisterMsg");
  }
  const { pemCert, serial, softSerial } = message;
  if (serial.length > serialMax || softSerial.length > serialMax) {
    return unusable(`serial and softSerial have at most ${serialMax} characters`);
  }
  if (!softSerialPattern.test(softSerial))
    return unusable("softSerial may have letters, digits, _ and - only");
  const device = pemCert.length > certificateTextMax ? undefined : decodeCertificate(pemCert);
  if (device === undefined) return unusable("pemCert is not the base64 of a certificate");
  const fault = keyFault(device.publicKey);
  if (fault !== undefined) return unusable(`pemCert's ${fault}`);
  return { onboarding, device, serial, softSerial };
}

function malformed(message: string): Refused {
  return { status: 400, reason: "malformed", message };
}

function unusable(message: string): Refused {
  return { status: 422, reason: "payload", message };
}
