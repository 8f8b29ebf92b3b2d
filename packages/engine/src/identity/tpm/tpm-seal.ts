/**
 * Secrets that the TPM gives out only while its registers are as they were: sealed objects below a storage key
 * that the owner's seed determines, with a policy over registers (TCG Library, part 1, 19 and 23).
 */
import { createHash } from "node:crypto";
import { registerSelection, type Tpm, TpmError, type TpmHandle } from "./tpm.ts";
import { algorithms, curveP256, TpmWriter } from "./tpm-wire.ts";

export interface SealedObject {
  readonly privatePart: Uint8Array;
  readonly publicPart: Uint8Array;
}

const owner = 0x40000001;
const none = 0x40000007;
const empty = new Uint8Array();
/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt. */
const storageAttributes = 0x2 | 0x10 | 0x20 | 0x40 | 0x400 | 0x10000 | 0x20000;
/** fixedTPM, fixedParent, noDA; without userWithAuth nothing but the policy opens it. */
const sealedAttributes = 0x2 | 0x10 | 0x400;
const aes = { algorithm: 0x0006, bits: 128, cfb: 0x0043 } as const;
const keyedHash = 0x0008;
const policySession = 1;
const policyPcr = 0x17f;
/** TPM_RC_POLICY_FAIL of the first session, whatever else the code says. */
const policyFailed = 0x1d;

export async function seal(
  tpm: Tpm,
  secret: Uint8Array,
  registers: readonly number[],
): Promise<SealedObject> {
  const all = await tpm.readRegisters();
  const values = registers.map((index) => all[index]?.value ?? empty);
  const digest = createHash("sha256").update(Buffer.concat(values)).digest();
  const policy = createHash("sha256")
    .update(new Uint8Array(32))
    .update(new TpmWriter().u32(policyPcr).raw(registerSelection(registers)).raw(digest).done())
    .digest();
  return await withStorageKey(tpm, async (parent) => {
    const body = new TpmWriter()
      .u32(parent)
      .emptyAuth()
      .nested((sensitive) => sensitive.sized(empty).sized(secret))
      .nested((area) =>
        area
          .u16(keyedHash)
          .u16(algorithms.sha256)
          .u32(sealedAttributes)
          .sized(policy)
          .u16(algorithms.null)
          .sized(empty),
      )
      .sized(empty)
      .u32(0);
    const answer = await tpm.run("Create", true, body.done());
    return { privatePart: answer.sized().slice(), publicPart: answer.sized().slice() };
  });
}

/** Undefined when the registers are others than they were. */
export async function unseal(
  tpm: Tpm,
  sealed: SealedObject,
  registers: readonly number[],
): Promise<Uint8Array | undefined> {
  return await withStorageKey(tpm, async (parent) => {
    const load = new TpmWriter().u32(parent).emptyAuth().sized(sealed.privatePart).sized(sealed.publicPart);
    const object = (await tpm.run("Load", true, load.done())).u32();
    try {
      const prepare = async (session: TpmHandle): Promise<void> => {
        const policy = new TpmWriter().u32(session).sized(empty).raw(registerSelection(registers));
        await tpm.run("PolicyPCR", false, policy.done());
      };
      return await withPolicySession(tpm, prepare, async (session) => {
        const auth = new TpmWriter().u32(object).u32(9).u32(session).u16(0).u8(0).u16(0);
        return (await tpm.run("Unseal", true, auth.done())).sized().slice();
      });
    } catch (error) {
      if (error instanceof TpmError && (error.code & 0x3f) === policyFailed) return undefined;
      throw error;
    } finally {
      await tpm.flush(object);
    }
  });
}

/** A session that stands for a policy once it is prepared. */
export async function withPolicySession<T>(
  tpm: Tpm,
  prepare: (session: TpmHandle) => Promise<void>,
  use: (session: TpmHandle) => Promise<T>,
): Promise<T> {
  const start = new TpmWriter()
    .u32(none)
    .u32(none)
    .sized(await tpm.random(16))
    .sized(empty)
    .u8(policySession)
    .u16(algorithms.null)
    .u16(algorithms.sha256);
  const session = (await tpm.run("StartAuthSession", false, start.done())).u32();
  let used = false;
  try {
    await prepare(session);
    const result = await use(session);
    used = true;
    return result;
  } finally {
    // A session that was used without "continue" is gone by itself.
    if (!used) await tpm.flush(session).catch(() => undefined);
  }
}

async function withStorageKey<T>(tpm: Tpm, use: (parent: TpmHandle) => Promise<T>): Promise<T> {
  const label = createHash("sha256").update("selvedge storage").digest();
  const body = new TpmWriter()
    .u32(owner)
    .emptyAuth()
    .nested((sensitive) => sensitive.sized(empty).sized(empty))
    .nested((area) =>
      area
        .u16(algorithms.ecc)
        .u16(algorithms.sha256)
        .u32(storageAttributes)
        .sized(empty)
        .u16(aes.algorithm)
        .u16(aes.bits)
        .u16(aes.cfb)
        .u16(algorithms.null)
        .u16(curveP256)
        .u16(algorithms.null)
        .sized(label)
        .sized(empty),
    )
    .sized(empty)
    .u32(0);
  const parent = (await tpm.run("CreatePrimary", true, body.done())).u32();
  try {
    return await use(parent);
  } finally {
    await tpm.flush(parent);
  }
}
