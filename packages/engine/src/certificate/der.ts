/** The few values of ASN.1 that attributes of SCEP are made of, as DER. */
import { AsnConvert, AsnObjectIdentifierConverter, OctetString } from "@peculiar/asn1-schema";

export function octets(bytes: Uint8Array): ArrayBuffer {
  return AsnConvert.serialize(new OctetString(bytes));
}

export function plain(objectId: string): ArrayBuffer {
  return new Uint8Array(AsnObjectIdentifierConverter.toASN(objectId).toBER()).buffer;
}

/** A PrintableString; what authorities take in it are letters and digits. */
export function printable(text: string): ArrayBuffer {
  return new Uint8Array(element(0x13, Buffer.from(text, "latin1"))).buffer;
}

/** A set of values that are in its order already. */
export function setOf(values: readonly Uint8Array[]): Uint8Array {
  return element(0x31, Buffer.concat(values));
}

function element(tag: number, value: Uint8Array): Uint8Array {
  const { length } = value;
  const bytes = length < 128 ? [] : length < 256 ? [length] : [length >> 8, length & 255];
  return new Uint8Array([
    tag,
    ...(bytes.length === 0 ? [length] : [0x80 + bytes.length, ...bytes]),
    ...value,
  ]);
}
