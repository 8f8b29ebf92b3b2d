const pem = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;
/** The first byte of a DER sequence, which every certificate is. */
const sequence = 0x30;

/** Why a text is not one certificate in PEM. Whether it can be trusted is for the gateway to say. */
export function certificateFault(text: string): string | undefined {
  const body = pem.exec(text.trim())?.[1];
  if (body === undefined) return "must be one certificate in PEM, with its BEGIN and END lines";
  try {
    const bytes = Uint8Array.fromBase64(body.replace(/\s/g, ""));
    return bytes[0] === sequence
      ? undefined
      : "must hold a certificate in DER between its BEGIN and END lines";
  } catch {
    return "must hold base64 between its BEGIN and END lines";
  }
}
