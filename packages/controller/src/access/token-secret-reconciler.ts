import { createPublicKey } from "node:crypto";
import { accountSecretIssuer, type ObjectRegistry, ServiceAccountTokens } from "@selvedge/apiserver";
import type { Clock, Random } from "@selvedge/base";
import { keyOf, type ObjectView, splitKey } from "@selvedge/client";
import { type Secret, type ServiceAccount, secretKind, serviceAccountKind } from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Cluster } from "../objects/cluster.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import type { Pki } from "../pki/pki.ts";

export interface TokenSecretDeps {
  readonly cluster: Cluster;
  readonly registry: ObjectRegistry;
  readonly secrets: ObjectView<Secret>;
  readonly serviceAccounts: ObjectView<ServiceAccount>;
  readonly pki: Pki;
  readonly clock: Clock;
  readonly random: Random;
}

const type = "kubernetes.io/service-account-token";
const nameAnnotation = "kubernetes.io/service-account.name";
const uidAnnotation = "kubernetes.io/service-account.uid";
/** As long as a token can be: it ends with its Secret. */
const tokenSeconds = 2 ** 32;

/**
 * Puts tokens into Secrets that were made to hold one, for tools that log in with what a Secret holds. The
 * key is `namespace/name`.
 */
export class TokenSecretReconciler implements Reconciler {
  readonly name = "token-secrets";
  readonly reads: readonly string[] = ["Secret", "ServiceAccount"];
  readonly writes: readonly string[] = ["Secret.data (of an account)", "removal of an account's Secrets"];
  readonly #deps: TokenSecretDeps;
  readonly #tokens: ServiceAccountTokens;

  constructor(deps: TokenSecretDeps) {
    this.#deps = deps;
    const { registry: objects, pki, clock, random } = deps;
    const keys = pki
      .accountKeys()
      .map((privateKey) => ({ privateKey, publicKey: createPublicKey(privateKey) }));
    const issuer = accountSecretIssuer;
    this.#tokens = new ServiceAccountTokens({ objects, keys, issuer, clock, random });
  }

  async reconcile(key: string): Promise<Outcome> {
    const { cluster, secrets, serviceAccounts, pki } = this.#deps;
    const { namespace = "", name } = splitKey(key);
    const secret = secrets.get(name, namespace);
    if (secret === undefined || !holdsToken(secret)) return settled;
    const account = serviceAccounts.get(accountOf(secret), namespace);
    const { uid = "" } = account?.metadata ?? {};
    const known = secret.metadata.annotations?.[uidAnnotation];
    // Its account is gone, or is another of the same name.
    if (account === undefined || (known !== undefined && known !== uid)) {
      await cluster.delete(secretKind, secret);
      return settled;
    }
    const { data = {} } = secret;
    const authority = base64(`${pki.rootCertificate}\n`);
    if (data["token"] && data["ca.crt"] === authority && data["namespace"] && known === uid) return settled;
    const token = data["token"] ?? base64(await this.#token(secret, account));
    await cluster.change<Secret>(secretKind, name, namespace, (draft) => {
      draft.metadata.annotations = { ...draft.metadata.annotations, [uidAnnotation]: uid };
      draft.data = { ...draft.data, token, "ca.crt": authority, namespace: base64(namespace) };
      return true;
    });
    return settled;
  }

  async #token({ metadata }: Secret, account: ServiceAccount): Promise<string> {
    const { uid = "", name, namespace = "" } = metadata;
    const boundObjectRef = { kind: "Secret", apiVersion: "v1", name, uid };
    const asked = { boundObjectRef, expirationSeconds: tokenSeconds };
    return (await this.#tokens.issue({ namespace, name: account.metadata.name }, asked)).token;
  }
}

export function tokenSecretWakes(secrets: ObjectView<Secret>): Wake[] {
  return [
    wakeOn<Secret>(secretKind, (_before, after) =>
      after !== undefined && holdsToken(after) ? [keyOf(after)] : [],
    ),
    wakeOn<ServiceAccount>(serviceAccountKind, (before, after) => {
      const { name, namespace } = (after ?? before)?.metadata ?? {};
      if (before !== undefined && after !== undefined) return [];
      return secrets
        .list()
        .filter((one) => holdsToken(one) && one.metadata.namespace === namespace && accountOf(one) === name)
        .map(keyOf);
    }),
  ];
}

function holdsToken(secret: Secret): boolean {
  return secret.type === type && secret.metadata.deletionTimestamp === undefined && accountOf(secret) !== "";
}

function accountOf({ metadata }: Secret): string {
  return metadata.annotations?.[nameAnnotation] ?? "";
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
