/**
 * Configurations as a controller that has never heard of Selvedge writes them: EVE's own fields and nothing
 * else.
 */
import { createCipheriv, createHash, createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { p256 } from "@noble/curves/nist.js";
import {
  app as appApi,
  cipher,
  config,
  deriveSharedKey,
  firewall,
  netinst,
  sealCipherBlock,
  storage,
  vm,
} from "@selvedge/eve-api";
import type { Pair } from "../../../packages/controller/src/pki/issue.ts";
import { credentials, repository } from "./image-registry.ts";

export const ids = {
  app: "5a1e7d10-0000-4000-8000-000000000001",
  network: "5a1e7d10-0000-4000-8000-000000000002",
  content: "5a1e7d10-0000-4000-8000-000000000003",
  volume: "5a1e7d10-0000-4000-8000-000000000004",
  datastore: "5a1e7d10-0000-4000-8000-000000000005",
  context: "5a1e7d10-0000-4000-8000-000000000006",
} as const;

/** Both ends of what is encrypted to a box. */
export interface Sealing {
  readonly controller: Pair;
  /** PEM as the box uploaded it. */
  readonly box: string;
}

export interface Wish {
  readonly device: string;
  readonly registry: { readonly address: string; readonly certificate: string };
  readonly sealing: Sealing;
  readonly maintenance?: boolean;
  /** Apps of other profiles do not run. */
  readonly profile?: string;
  /** Somebody beside the box, and the token to know it by. */
  readonly localServer?: { readonly address: string; readonly token: string } | undefined;
  /** Another number than before: the box shall reboot. */
  readonly reboot?: number;
  /** Undefined: nothing but settings. */
  readonly app: AppWish | undefined;
}

export interface AppWish {
  readonly activate: boolean;
  readonly nodePort: number;
  readonly restart: number;
  readonly purge: number;
  /** Plain user data, or such that only the box can read. */
  readonly userData: string;
  readonly sealed: boolean;
  readonly memoryKib: number;
  readonly vcpus: number;
  readonly profiles?: readonly string[];
}

/** Times of configurations never go back, and differ. */
let last = 0;

export async function writeConfig(wish: Wish): Promise<Uint8Array> {
  last = Math.max(Date.now(), last + 1);
  const message = create(config.EdgeDevConfigSchema, {
    id: { uuid: wish.device, version: String(last) },
    configTimestamp: timestampFromMs(last),
    maintenanceMode: wish.maintenance ?? false,
    globalProfile: wish.profile ?? "",
    localProfileServer: wish.localServer?.address ?? "",
    profileServerToken: wish.localServer?.token ?? "",
    reboot: { counter: wish.reboot ?? 1 },
    configItems: [
      { key: "timer.config.interval", value: "5" },
      { key: "timer.metric.interval", value: "5" },
      { key: "timer.lps.profile.interval", value: "3" },
      { key: "timer.lps.devinfo.interval", value: "3" },
      { key: "debug.enable.ssh", value: "true" },
    ],
  });
  if (wish.app !== undefined) await addApp(message, wish, wish.app);
  return toBinary(config.EdgeDevConfigSchema, message);
}

async function addApp(to: config.EdgeDevConfig, { registry, sealing }: Wish, app: AppWish): Promise<void> {
  const { user, password } = credentials;
  const generationCount = BigInt(app.purge);
  const instance = create(appApi.AppInstanceConfigSchema, {
    uuidandversion: { uuid: ids.app, version: "1" },
    displayname: "counter",
    fixedresources: {
      ...{ memory: app.memoryKib, maxmem: app.memoryKib, vcpus: app.vcpus },
      virtualizationMode: vm.VmMode.HVM,
    },
    activate: app.activate,
    profileList: [...(app.profiles ?? [])],
    restart: { counter: app.restart },
    purge: { counter: app.purge },
    volumeRefList: [{ uuid: ids.volume, generationCount, mountDir: "/" }],
    metaDataType: appApi.MetaDataType.MetaDataNone,
    interfaces: [{ name: "eth0", networkId: ids.network, acls: rules(app.nodePort) }],
  });
  const protectedUserData = Buffer.from(app.userData).toString("base64");
  if (app.sealed) instance.cipherData = await seal(sealing, { protectedUserData });
  else instance.userData = protectedUserData;
  const more = create(config.EdgeDevConfigSchema, {
    cipherContexts: [contextOf(sealing)],
    datastores: [
      {
        id: ids.datastore,
        dType: storage.DsType.DsContainerRegistry,
        fqdn: `docker://${registry.address}`,
        dsCertPEM: [Buffer.from(registry.certificate)],
        cipherData: await seal(sealing, { dsAPIKey: user, dsPassword: password }),
      },
    ],
    contentInfo: [
      {
        uuid: ids.content,
        URL: `${repository}:1`,
        iformat: storage.Format.CONTAINER,
        dsIdsList: [ids.datastore],
        displayName: "image",
      },
    ],
    volumes: [
      {
        uuid: ids.volume,
        origin: { type: storage.VolumeContentOriginType.VCOT_DOWNLOAD, downloadContentTreeID: ids.content },
        generationCount,
        displayName: "root",
      },
    ],
    networkInstances: [
      {
        uuidandversion: { uuid: ids.network, version: "1" },
        displayname: "local",
        instType: netinst.ZNetworkInstType.ZnetInstLocal,
        activate: true,
        port: { name: "uplink" },
        ipType: 1,
        ip: {
          subnet: "10.11.12.0/24",
          gateway: "10.11.12.1",
          dhcpRange: { start: "10.11.12.10", end: "10.11.12.99" },
        },
      },
    ],
    apps: [instance],
  });
  const { cipherContexts, datastores, contentInfo, volumes, networkInstances, apps } = more;
  Object.assign(to, { cipherContexts, datastores, contentInfo, volumes, networkInstances, apps });
}

/** Everything out, one port in. */
function rules(nodePort: number): firewall.ACE[] {
  const out = { id: 1, matches: [{ type: "ip", value: "0.0.0.0/0" }], actions: [{}] };
  const matches = [
    { type: "protocol", value: "tcp" },
    { type: "lport", value: String(nodePort) },
  ];
  const port = { id: 2, matches, actions: [{ portmap: true, appPort: 8080 }] };
  return [create(firewall.ACESchema, out), create(firewall.ACESchema, port)];
}

/** As boxes name their certificates and Adam its own: the beginning of the hash of the PEM text. */
function certHash(pem: string): Uint8Array {
  return createHash("sha256").update(pem).digest().subarray(0, 16);
}

function contextOf({ controller, box }: Sealing): MessageInitShape<typeof cipher.CipherContextSchema> {
  return {
    contextId: ids.context,
    hashScheme: 1,
    keyExchangeScheme: cipher.KeyExchangeScheme.KEA_ECDH,
    encryptionScheme: cipher.EncryptionScheme.SA_AES_256_CFB,
    deviceCertHash: certHash(box),
    controllerCertHash: certHash(controller.certificatePem),
  };
}

async function seal(
  { controller, box }: Sealing,
  content: MessageInitShape<typeof cipher.EncryptionBlockSchema>,
): Promise<cipher.CipherBlock> {
  const { d } = controller.key.export({ format: "jwk" });
  const point = p256.getSharedSecret(
    Buffer.from(d ?? "", "base64url"),
    publicPoint(createPublicKey(box)),
    false,
  );
  return await sealCipherBlock(aes, {
    key: await deriveSharedKey(point.subarray(1, 33), point.subarray(33)),
    iv: randomBytes(16),
    contextId: ids.context,
    plaintext: toBinary(cipher.EncryptionBlockSchema, create(cipher.EncryptionBlockSchema, content)),
  });
}

const aes = {
  encrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const cfb = createCipheriv("aes-256-cfb", key, iv);
    return Buffer.concat([cfb.update(plaintext), cfb.final()]);
  },
  decrypt(): never {
    throw new Error("a controller only seals");
  },
};

function publicPoint(key: KeyObject): Uint8Array {
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}
