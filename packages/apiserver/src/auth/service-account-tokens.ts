/**
 * Tokens of ServiceAccounts: JWTs that this server signs for whoever may ask for them, and knows again as
 * long as the account, and what the token was bound to, are there.
 */
import { createHash, type KeyObject } from "node:crypto";
import type { KubeObject } from "@selvedge/apimachinery";
import { after, type Clock, type Instant, instant, LruMap, type Random, seconds, uuid } from "@selvedge/base";
import { exportJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { KindName } from "../rest/kind-names.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import { badRequest, conflict, invalid } from "../rest/refusals.ts";
import { StatusError } from "../status-error.ts";
import type { Authenticator, Credentials, Identity } from "./authentication.ts";
import { type ServiceAccountName, serviceAccountGroups, serviceAccountUser, type User } from "./user.ts";

export interface TokenKey {
  /** Only the first key needs one: it signs. */
  readonly privateKey?: KeyObject;
  readonly publicKey: KeyObject;
}

export interface ServiceAccountTokensOptions {
  readonly objects: ObjectRegistry;
  /** P-256. Those after the first are older ones, whose tokens are still good. */
  readonly keys: readonly TokenKey[];
  /** Who says so, in every token: a URL. */
  readonly issuer: string;
  /** Whom tokens are for that name nobody; the issuer when not given. */
  readonly audiences?: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

export interface TokenRequestSpec {
  readonly audiences?: readonly string[];
  readonly expirationSeconds?: number;
  readonly boundObjectRef?: {
    readonly kind?: string;
    readonly apiVersion?: string;
    readonly name?: string;
    readonly uid?: string;
  };
}

interface Named {
  readonly name: string;
  readonly uid: string;
}

/** What a token says under `kubernetes.io`, as upstream has it. */
interface BoundClaims {
  readonly namespace: string;
  readonly serviceaccount: Named;
  readonly pod?: Named;
  readonly secret?: Named;
  readonly node?: Named;
}

/** Who says so in tokens that lie in a Secret, as upstream has it. They are for this server alone. */
export const accountSecretIssuer = "kubernetes/serviceaccount";

const algorithm = "ES256";
const claimsName = "kubernetes.io";
const secondsDefault = 3600;
const secondsMin = 600;
const secondsMax = 2 ** 32;
/** What is being deleted counts as there for so long: a Pod that shuts down still has things to say. */
const leeway = seconds(60);
/** Verified tokens that are remembered: a signature costs more than the rest of a small request. */
const verifiedMax = 1024;

const core = { group: "", version: "v1" } as const;
const accounts: KindName = { ...core, kind: "ServiceAccount", plural: "serviceaccounts", namespaced: true };
const bindable: Readonly<Record<"pod" | "secret" | "node", KindName>> = {
  pod: { ...core, kind: "Pod", plural: "pods", namespaced: true },
  secret: { ...core, kind: "Secret", plural: "secrets", namespaced: true },
  node: { ...core, kind: "Node", plural: "nodes", namespaced: false },
};

export class ServiceAccountTokens implements Authenticator {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly #options: ServiceAccountTokensOptions;
  readonly #keys: ReadonlyMap<string, TokenKey>;
  readonly #verified = new LruMap<string, JWTPayload>(verifiedMax);

  constructor(options: ServiceAccountTokensOptions) {
    this.#options = options;
    this.issuer = options.issuer;
    this.audiences = options.audiences ?? [options.issuer];
    this.#keys = new Map(options.keys.map((key) => [tokenKeyId(key.publicKey), key]));
  }

  /** What is asked for with what is given to whoever asks for nothing. */
  whole(spec: TokenRequestSpec): TokenRequestSpec & Required<Pick<TokenRequestSpec, "expirationSeconds">> {
    const audiences = spec.audiences?.length ? spec.audiences : this.audiences;
    return { ...spec, audiences, expirationSeconds: spec.expirationSeconds ?? secondsDefault };
  }

  /** A token for the account, and until when it is good. */
  async issue(
    account: ServiceAccountName,
    spec: TokenRequestSpec,
  ): Promise<{ readonly token: string; readonly expires: Instant }> {
    const { objects, clock, random } = this.#options;
    const { expirationSeconds, audiences = [] } = this.whole(spec);
    checkSeconds(expirationSeconds);
    const stored = await objects.getStored(accounts, account.name, account.namespace);
    const claims: BoundClaims = {
      ...{ namespace: account.namespace, serviceaccount: named(stored.object) },
      ...(spec.boundObjectRef && (await this.#bind(account, spec.boundObjectRef))),
    };
    const [[kid, key]] = [...this.#keys] as [[string, TokenKey]];
    if (key.privateKey === undefined) throw new Error("the first key cannot sign");
    const now = Math.floor(clock.now() / 1000);
    const token = await new SignJWT({ [claimsName]: claims })
      .setProtectedHeader({ alg: algorithm, kid })
      .setIssuer(this.issuer)
      .setSubject(serviceAccountUser(account))
      .setAudience([...audiences])
      .setJti(uuid(random))
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + expirationSeconds)
      .sign(key.privateKey);
    return { token, expires: instant((now + expirationSeconds) * 1000) };
  }

  async authenticate({
    bearerToken,
    audiences = this.audiences,
  }: Credentials): Promise<Identity | undefined> {
    const payload = bearerToken === undefined ? undefined : await this.#verify(bearerToken);
    const claims = payload?.[claimsName] as BoundClaims | undefined;
    if (payload === undefined || claims?.serviceaccount === undefined) return undefined;
    const isForUs = payload.iss === accountSecretIssuer;
    const good = isForUs ? this.audiences : [payload.aud ?? []].flat();
    const fits = good.filter((one) => audiences.includes(one));
    if (fits.length === 0) return undefined;
    const { namespace, serviceaccount, pod, secret, node } = claims;
    if (!(await this.#lives(accounts, serviceaccount, namespace))) return undefined;
    if (pod !== undefined && !(await this.#lives(bindable.pod, pod, namespace))) return undefined;
    if (secret !== undefined && !(await this.#lives(bindable.secret, secret, namespace))) return undefined;
    // The node of a Pod is only told along with it; a token bound to a node ends with it.
    if (node !== undefined && pod === undefined && !(await this.#lives(bindable.node, node)))
      return undefined;
    return { user: userOf(claims, payload.jti), audiences: fits };
  }

  /** What `/openid/v1/jwks` says: the keys that tokens can be checked with. */
  async jwks(): Promise<{ readonly keys: readonly JWK[] }> {
    const keys = [...this.#keys].map(async ([kid, { publicKey }]) => ({
      ...{ use: "sig", alg: algorithm, kid },
      ...(await exportJWK(publicKey)),
    }));
    return { keys: await Promise.all(keys) };
  }

  /** What `/.well-known/openid-configuration` says. */
  configuration(server: string): Record<string, unknown> {
    return {
      issuer: this.issuer,
      jwks_uri: `${server}/openid/v1/jwks`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [algorithm],
    };
  }

  /** Undefined: not one of ours, or not good any more. */
  async #verify(token: string): Promise<JWTPayload | undefined> {
    const { clock } = this.#options;
    const digest = createHash("sha256").update(token).digest("base64");
    const known = this.#verified.get(digest);
    if (known !== undefined) {
      if ((known.exp ?? 0) * 1000 > clock.now()) return known;
      this.#verified.delete(digest);
      return undefined;
    }
    try {
      const issuer = [this.issuer, accountSecretIssuer];
      const rules = { issuer, algorithms: [algorithm], currentDate: new Date(clock.now()) };
      const required = { requiredClaims: ["exp", "aud", "sub"] };
      const { payload } = await jwtVerify(token, (header) => this.#keyOf(header.kid), {
        ...rules,
        ...required,
      });
      this.#verified.set(digest, payload);
      return payload;
    } catch {
      // Whatever is wrong with it, it is no token of ours: what the client is told is 401, as with any other.
      return undefined;
    }
  }

  #keyOf(kid: string | undefined): KeyObject {
    const key = kid === undefined ? undefined : this.#keys.get(kid);
    if (key === undefined) throw new Error("the token names no key of ours");
    return key.publicKey;
  }

  async #bind(
    account: ServiceAccountName,
    { kind = "", apiVersion = "", name = "", uid = "" }: NonNullable<TokenRequestSpec["boundObjectRef"]>,
  ): Promise<Partial<BoundClaims>> {
    const part = kind.toLowerCase();
    if (apiVersion !== "v1" || (part !== "pod" && part !== "secret" && part !== "node")) {
      const type = apiVersion.includes("/") ? apiVersion : `/${apiVersion}`;
      const what = `${type.replace(/^\//, "/")}, Kind=${kind}`;
      throw badRequest(`cannot bind token to object of type ${what}`);
    }
    const of = bindable[part];
    const { object } = await this.#options.objects.getStored(of, name, account.namespace);
    if (uid !== "" && uid !== object.metadata.uid) {
      const why = `the UID in the bound object reference (${uid}) does not match the UID in record`;
      throw conflict(
        { ...of, plural: kind },
        name,
        `${why}. The object might have been deleted and then recreated`,
      );
    }
    if (part !== "pod") return { [part]: named(object) };
    const { serviceAccountName = "", nodeName } = (object["spec"] ?? {}) as {
      serviceAccountName?: string;
      nodeName?: string;
    };
    if ((serviceAccountName || "default") !== account.name) {
      const why = "to pod running with different serviceaccount name.";
      throw badRequest(`cannot bind token for serviceaccount "${account.name}" ${why}`);
    }
    const node = nodeName && (await this.#nodeNamed(nodeName));
    return { pod: named(object), ...(node && { node }) };
  }

  async #nodeNamed(name: string): Promise<Named | undefined> {
    const node = await this.#find(bindable.node, name);
    return node && named(node);
  }

  async #lives(kind: KindName, { name, uid }: Named, namespace?: string): Promise<boolean> {
    const object = await this.#find(kind, name, namespace);
    if (object === undefined || object.metadata.uid !== uid) return false;
    const { deletionTimestamp } = object.metadata;
    if (!deletionTimestamp) return true;
    return this.#options.clock.now() < after(instant(Date.parse(deletionTimestamp)), leeway);
  }

  async #find(kind: KindName, name: string, namespace?: string): Promise<KubeObject | undefined> {
    try {
      return (await this.#options.objects.getStored(kind, name, namespace)).object;
    } catch (error) {
      if (error instanceof StatusError && error.reason === "NotFound") return undefined;
      throw error;
    }
  }
}

function checkSeconds(value: number): void {
  const fault =
    value < secondsMin
      ? "may not specify a duration less than 10 minutes"
      : value > secondsMax
        ? "may not specify a duration larger than 2^32 seconds"
        : undefined;
  if (fault === undefined) return;
  const field = "spec.expirationSeconds";
  const kind = { group: "authentication.k8s.io", kind: "TokenRequest" };
  throw invalid(kind, "", [{ type: "FieldValueInvalid", field, value, detail: fault }]);
}

function named({ metadata: { name, uid = "" } }: KubeObject): Named {
  return { name, uid };
}

function userOf({ namespace, serviceaccount, pod, node }: BoundClaims, jti: string | undefined): User {
  const prefix = "authentication.kubernetes.io";
  return {
    name: serviceAccountUser({ namespace, name: serviceaccount.name }),
    uid: serviceaccount.uid,
    groups: serviceAccountGroups(namespace),
    extra: {
      ...(jti && { [`${prefix}/credential-id`]: [`JTI=${jti}`] }),
      ...(node && { [`${prefix}/node-name`]: [node.name], [`${prefix}/node-uid`]: [node.uid] }),
      ...(pod && { [`${prefix}/pod-name`]: [pod.name], [`${prefix}/pod-uid`]: [pod.uid] }),
    },
  };
}

/** The key's name follows from the key: whoever has the keys finds the right one. */
export function tokenKeyId(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64url");
}
