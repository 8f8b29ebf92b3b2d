/**
 * Who a Pod is to the API: its ServiceAccount, and a volume with a token of it in every container, unless the Pod
 * or the account says no. In upstream's form, which tools and policies look for.
 */
import { type AdmissionMember, type ObjectRegistry, StatusError } from "@selvedge/apiserver";
import { below, type Random } from "@selvedge/base";
import { type Pod, podKind, type ServiceAccount, serviceAccountKind, type Volume } from "@selvedge/kinds";
import { secondsOfMounted } from "./pod-tokens.ts";

const defaultAccount = "default";
/** Where clients look. */
const place = "/var/run/secrets/kubernetes.io/serviceaccount";
const prefix = "kube-api-access-";
/** Of names that are made up: letters and digits that spell no word. */
const letters = "bcdfghjklmnpqrstvwxz2456789";
const suffixLength = 5;

export function accountAdmission(objects: ObjectRegistry, random: Random): AdmissionMember {
  return {
    name: "ServiceAccount",
    handles: ({ kind, operation, subresource }) =>
      kind === podKind && (operation === "CREATE" || operation === "UPDATE") && subresource === undefined,
    async mutate({ object, old, namespace = "" }) {
      const { spec } = object as Pod;
      if (old !== undefined) {
        keep(spec, (old as Pod).spec);
        return;
      }
      spec.serviceAccountName ||= defaultAccount;
      spec.serviceAccount = spec.serviceAccountName;
      const wanted =
        spec.automountServiceAccountToken ??
        (await accountOf(objects, spec.serviceAccountName, namespace))?.automountServiceAccountToken ??
        true;
      if (wanted) mount(spec, random);
    },
  };
}

/**
 * A Pod is replaced by manifests that say nothing of its account, which never changes: what was added stays.
 * Upstream refuses them, and its own command tests leave the plugin out for that.
 */
function keep(spec: Pod["spec"], old: Pod["spec"]): void {
  if (old.serviceAccountName !== undefined && !spec.serviceAccountName && !spec.serviceAccount) {
    spec.serviceAccountName = old.serviceAccountName;
    spec.serviceAccount = old.serviceAccountName;
  }
  const volume = old.volumes?.find(
    ({ name, projected }) => name.startsWith(prefix) && projected !== undefined,
  );
  if (volume === undefined || spec.volumes?.some(({ name }) => name === volume.name)) return;
  spec.volumes = [...(spec.volumes ?? []), volume];
  const before = [...old.containers, ...(old.initContainers ?? [])];
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const mounted = before
      .find(({ name }) => name === container.name)
      ?.volumeMounts?.find(({ name }) => name === volume.name);
    if (mounted !== undefined) container.volumeMounts = [...(container.volumeMounts ?? []), mounted];
  }
}

/** One that is not there yet has said nothing: the Pod waits for it on its way to the node. */
async function accountOf(
  objects: ObjectRegistry,
  name: string,
  namespace: string,
): Promise<ServiceAccount | undefined> {
  try {
    return (await objects.getStored(serviceAccountKind, name, namespace)).object as ServiceAccount;
  } catch (error) {
    if (error instanceof StatusError && error.reason === "NotFound") return undefined;
    throw error;
  }
}

function mount(spec: Pod["spec"], random: Random): void {
  const { volumes = [] } = spec;
  // Of a copy of a Pod: it has its volume already.
  // Nobody has looked at the Pod yet: a volume may have no name.
  const own = volumes.find(({ name, projected }) => name?.startsWith(prefix) && projected !== undefined);
  const without = [...spec.containers, ...(spec.initContainers ?? [])].filter(
    ({ volumeMounts = [] }) => !volumeMounts.some(({ mountPath }) => mountPath === place),
  );
  if (without.length === 0) return;
  const volume = own ?? tokenVolume(prefix + madeUp(random));
  if (own === undefined) spec.volumes = [...volumes, volume];
  for (const container of without) {
    const added = { name: volume.name, readOnly: true, mountPath: place };
    container.volumeMounts = [...(container.volumeMounts ?? []), added];
  }
}

function tokenVolume(name: string): Volume {
  const namespace = { apiVersion: "v1", fieldPath: "metadata.namespace" };
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: secondsOfMounted, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardAPI: { items: [{ path: "namespace", fieldRef: namespace }] } },
      ],
    },
  };
}

function madeUp(random: Random): string {
  return Array.from({ length: suffixLength }, () => letters[below(random, letters.length)]).join("");
}
