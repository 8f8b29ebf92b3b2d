/**
 * The TPM shows a stranger that a signing key of its own lies beside its endorsement key, which its maker
 * vouches for (TCG Library, part 1, 24): the stranger encrypts a secret to both, and only a TPM that holds both
 * gives it out. Both keys are RSA, as EVE's are, which is what those who ask know.
 */
import { createHash } from "node:crypto";
import type { Activated, Challenge, CredentialKeys } from "../key-store.ts";
import type { Tpm, TpmHandle } from "./tpm.ts";
import { withPolicySession } from "./tpm-seal.ts";
import { algorithms, TpmFormatError, TpmWriter } from "./tpm-wire.ts";

/** Beside the node's other keys. */
const handles = { signing: 0x8153_0004, endorsement: 0x8153_0005 } as const;
const hierarchies = { owner: 0x40000001, endorsement: 0x4000000b } as const;
const rsa = { algorithm: 0x0001, bits: 2048, ssa: 0x0014 } as const;
const aes = { algorithm: 0x0006, bits: 128, cfb: 0x0043 } as const;
const empty = new Uint8Array();
/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign. */
const signingAttributes = 0x2 | 0x10 | 0x20 | 0x40 | 0x400 | 0x10000 | 0x40000;
/** TCG's template L-1, so that the key is the one that the maker's certificate is for. */
const endorsementAttributes = 0x2 | 0x10 | 0x20 | 0x80 | 0x10000 | 0x20000;
const endorsementPolicy = Buffer.from(
  "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa",
  "hex",
);

/** Made when they are first asked for: a TPM thinks about a key of RSA for up to a minute. */
export async function credentialKeys(tpm: Tpm): Promise<CredentialKeys> {
  const endorsement = await prepare(tpm, handles.endorsement, hierarchies.endorsement, (area) =>
    area
      .u32(endorsementAttributes)
      .sized(endorsementPolicy)
      .u16(aes.algorithm)
      .u16(aes.bits)
      .u16(aes.cfb)
      .u16(algorithms.null)
      .u16(rsa.bits)
      .u32(0)
      .sized(new Uint8Array(rsa.bits / 8)),
  );
  const label = createHash("sha256").update("selvedge credential").digest();
  const signing = await prepare(tpm, handles.signing, hierarchies.owner, (area) =>
    area
      .u32(signingAttributes)
      .sized(empty)
      .u16(algorithms.null)
      .u16(rsa.ssa)
      .u16(algorithms.sha256)
      .u16(rsa.bits)
      .u32(0)
      .sized(label),
  );
  return { endorsement: endorsement.area, signing: signing.area, signingName: signing.name };
}

type Area = { readonly area: Uint8Array; readonly name: Uint8Array };

async function prepare(
  tpm: Tpm,
  handle: TpmHandle,
  hierarchy: number,
  template: (area: TpmWriter) => TpmWriter,
): Promise<Area> {
  const known = await tpm.readArea(handle);
  if (known !== undefined) return known;
  const body = new TpmWriter()
    .u32(hierarchy)
    .emptyAuth()
    .nested((sensitive) => sensitive.sized(empty).sized(empty))
    .nested((area) => template(area.u16(rsa.algorithm).u16(algorithms.sha256)))
    .sized(empty)
    .u32(0);
  const transient = (await tpm.run("CreatePrimary", true, body.done())).u32();
  try {
    await tpm.persist(transient, handle);
  } finally {
    await tpm.flush(transient);
  }
  const made = await tpm.readArea(handle);
  if (made === undefined) throw new TpmFormatError(`0x${handle.toString(16)} is not there after making it`);
  return made;
}

/** The secret of the credential, and the signing key's word on `data`. */
export async function activate(tpm: Tpm, { credential, secret, data }: Challenge): Promise<Activated> {
  await credentialKeys(tpm);
  const opened = await withPolicySession(
    tpm,
    async (session) => {
      const policy = new TpmWriter()
        .u32(hierarchies.endorsement)
        .u32(session)
        .emptyAuth()
        .sized(empty)
        .sized(empty)
        .sized(empty)
        .u32(0);
      await tpm.run("PolicySecret", true, policy.done());
    },
    async (session) => {
      const body = new TpmWriter().u32(handles.signing).u32(handles.endorsement);
      // The signing key's empty password, then the session that stands for the endorsement key's.
      body.u32(18).u32(0x40000009).u16(0).u8(0).u16(0).u32(session).u16(0).u8(0).u16(0);
      return (await tpm.run("ActivateCredential", true, body.sized(credential).sized(secret).done())).sized();
    },
  );
  return { secret: opened.slice(), signature: await sign(tpm, data) };
}

/** A restricted key signs what the TPM has hashed itself, and has seen not to look like a quote. */
async function sign(tpm: Tpm, data: Uint8Array): Promise<Uint8Array> {
  const ask = new TpmWriter().sized(data).u16(algorithms.sha256).u32(hierarchies.owner);
  const hashed = await tpm.run("Hash", false, ask.done());
  const digest = hashed.sized();
  const ticket = new TpmWriter().u16(hashed.u16()).u32(hashed.u32()).sized(hashed.sized()).done();
  const body = new TpmWriter()
    .u32(handles.signing)
    .emptyAuth()
    .sized(digest)
    .u16(algorithms.null)
    .raw(ticket);
  const answer = await tpm.run("Sign", true, body.done());
  if (answer.u16() !== rsa.ssa) throw new TpmFormatError("the signature is not RSASSA");
  answer.u16();
  return answer.sized().slice();
}
