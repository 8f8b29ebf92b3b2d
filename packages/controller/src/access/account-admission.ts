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
      kind === podKind && operation === "CREATE" && subresource === undefined,
    async mutate({ object, namespace = "" }) {
      const { spec } = object as Pod;
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
  const own = volumes.find(({ name, projected }) => name.startsWith(prefix) && projected !== undefined);
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
