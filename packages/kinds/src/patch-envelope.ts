import {
  type Condition,
  type FieldError,
  type KindDefinition,
  type KubeObject,
  type LabelSelector,
  parseImageReference,
  type Schema,
} from "@selvedge/apimachinery";
import { ageColumn, column, counts, nameColumn, selectorText } from "./columns.ts";
import { conditionsSchema, labelsSchema, objectOf, textOf } from "./edge-schemas.ts";
import { dataKeyFaults, Faults } from "./faults.ts";

/** Files for apps that run, which they fetch from their node: no app is started anew for them. */
export interface PatchEnvelope extends KubeObject {
  apiVersion: "selvedge.dev/v1alpha1";
  kind: "PatchEnvelope";
  spec: PatchEnvelopeSpec;
  status?: PatchEnvelopeStatus;
}

export interface PatchEnvelopeSpec {
  /** Which Pods of its namespace may fetch it; `{}` means all of them. */
  selector: LabelSelector;
  /** False: brought to the nodes and kept from the apps. Unset means true. */
  active?: boolean;
  /** What apps see as its version; made from its content when unset. */
  version?: string;
  files: PatchFile[];
  imagePullSecrets?: { name?: string }[];
}

/** From exactly one place. */
export interface PatchFile {
  name: string;
  /** Shown to apps beside the file. */
  metadata?: string;
  configMapKeyRef?: PatchKey;
  /** Encrypted to each node. */
  secretKeyRef?: PatchKey;
  /** An OCI artifact of one layer, which is the file. */
  image?: string;
}

export interface PatchKey {
  name: string;
  key: string;
}

export interface PatchEnvelopeStatus {
  observedGeneration?: number;
  version?: string;
  /** Apps it is for, and those of them that have fetched this version. */
  apps?: number;
  fetched?: number;
  /** Nodes that have such apps, and those of them that can give it now. */
  nodes?: number;
  ready?: number;
  conditions?: Condition[];
}

/** Each is a part of every configuration; the rest belongs in an image. */
const filesMax = 64;
const versionMax = 256;
const metadataMax = 1024;
const imageMax = 512;
const secretsMax = 16;
const fileNameMax = 255;

const keySchema = (what: string): Schema =>
  objectOf(
    what,
    { name: textOf("Its name.", { minLength: 1 }), key: textOf("Which of its keys.", { minLength: 1 }) },
    ["name", "key"],
  );

const selectorSchema: Schema = objectOf("Which Pods of its namespace may fetch it; {} means all of them.", {
  matchLabels: { ...labelsSchema, description: "Labels that Pods must have." },
  matchExpressions: {
    type: "array",
    description: "More that must be true of labels.",
    items: objectOf(
      "One requirement.",
      {
        key: textOf("The label."),
        operator: textOf("In, NotIn, Exists or DoesNotExist."),
        values: { type: "array", description: "For In and NotIn.", items: { type: "string" } },
      },
      ["key", "operator"],
    ),
  },
});

const spec: Schema = objectOf(
  "Which files, and for whom.",
  {
    selector: selectorSchema,
    active: {
      type: "boolean",
      description: "False brings it to the nodes and keeps it from the apps, until this is true.",
      default: true,
    },
    version: textOf("What apps see as its version; made from its content when not said.", {
      ...{ minLength: 1, maxLength: versionMax },
    }),
    files: {
      type: "array",
      description: "The files.",
      ...{ minItems: 1, maxItems: filesMax },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      items: objectOf(
        "One file, from exactly one place.",
        {
          name: textOf("Under which name apps fetch it.", { minLength: 1, maxLength: fileNameMax }),
          metadata: textOf("Shown to apps beside it.", { maxLength: metadataMax }),
          configMapKeyRef: keySchema("A value of a ConfigMap, 64 KiB at most."),
          secretKeyRef: keySchema("A value of a Secret, 64 KiB at most; encrypted to each node."),
          image: textOf("An OCI artifact of exactly one layer: the file. For what is large.", {
            ...{ minLength: 1, maxLength: imageMax },
          }),
        },
        ["name"],
      ),
    },
    imagePullSecrets: {
      type: "array",
      description: "Secrets of its namespace that open the registries of its images.",
      maxItems: secretsMax,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      items: objectOf("A Secret.", { name: textOf("Its name.", { minLength: 1 }) }, ["name"]),
    },
  },
  ["selector", "files"],
);

const count = (description: string): Schema => ({
  ...{ type: "integer", format: "int32", minimum: 0 },
  description,
});

const status: Schema = objectOf("How far it has come.", {
  observedGeneration: { type: "integer", format: "int64", minimum: 0, description: "Generation this is of." },
  version: textOf("Its version, as apps see it."),
  apps: count("Apps it is for, on nodes."),
  fetched: count("Apps that have fetched this version."),
  nodes: count("Nodes with such apps."),
  ready: count("Nodes that have this version ready."),
  conditions: conditionsSchema,
});

export const patchEnvelopeKind: KindDefinition = {
  group: "selvedge.dev",
  version: "v1alpha1",
  kind: "PatchEnvelope",
  plural: "patchenvelopes",
  singular: "patchenvelope",
  shortNames: ["pe"],
  categories: ["selvedge"],
  namespaced: true,
  subresources: { status: true },
  custom: true,
  schema: objectOf("Files for apps that run, which they fetch from their node.", { spec, status }, ["spec"]),
  // The rules rely on what the schema says.
  validate: (object, _old, found = []) => (found.length > 0 ? [] : validate(object as PatchEnvelope)),
  columns: [
    nameColumn,
    column<PatchEnvelope>("Version", "As apps see it.", ({ spec: is, status: has }) =>
      (is.version ?? has?.version ?? "").slice(0, 32),
    ),
    counts<PatchEnvelope>("Nodes", "Nodes with apps it is for.", ({ status: has }) => has?.nodes),
    counts<PatchEnvelope>("Ready", "Nodes that have it ready.", ({ status: has }) => has?.ready),
    counts<PatchEnvelope>("Apps", "Apps it is for.", ({ status: has }) => has?.apps),
    counts<PatchEnvelope>("Fetched", "Apps that have fetched it.", ({ status: has }) => has?.fetched),
    ageColumn,
    column<PatchEnvelope>("Selector", "Whose it is.", ({ spec: is }) => selectorText(is.selector), 1),
  ],
};

function validate({ spec: { selector, files } }: PatchEnvelope): FieldError[] {
  const faults = new Faults();
  faults.selector("spec.selector", selector);
  for (const [at, file] of files.entries()) {
    const path = `spec.files[${at}]`;
    const { name, configMapKeyRef, secretKeyRef, image } = file;
    if (/[/\\\0]/.test(name) || name === "." || name === "..") {
      faults.invalid(`${path}.name`, name, "is part of an address: it must be a file name without slashes");
    }
    const from = ["configMapKeyRef", "secretKeyRef", "image"].filter((place) => Object.hasOwn(file, place));
    if (from.length === 0) {
      faults.required(path, "a file comes from one of configMapKeyRef, secretKeyRef and image");
    } else if (from.length > 1) {
      faults.forbidden(`${path}.${from[1]}`, `a file comes from one place: leave ${from[0]} or this out`);
    }
    for (const [member, ref] of Object.entries({ configMapKeyRef, secretKeyRef })) {
      if (ref === undefined) continue;
      faults.subdomain(`${path}.${member}.name`, ref.name);
      faults.all(`${path}.${member}.key`, ref.key, dataKeyFaults(ref.key));
    }
    const parsed = image === undefined ? undefined : parseImageReference(image);
    if (parsed !== undefined && "fault" in parsed) faults.invalid(`${path}.image`, image, parsed.fault);
  }
  return faults.errors;
}
