import {
  type Condition,
  dnsSubdomainFaults,
  type FieldError,
  type KindDefinition,
  type KubeObject,
  type Schema,
} from "@selvedge/apimachinery";
import { certificateFault } from "./certificate.ts";
import { ageColumn, column, counts, nameColumn } from "./columns.ts";
import { conditionsSchema, labelsSchema, objectOf, textOf } from "./edge-schemas.ts";
import { Faults } from "./faults.ts";
import { type MeasuredBoot, measuredBootFaults, measuredBootSchema } from "./measured-boot.ts";

/** Which boxes become nodes, and whether a human is asked. */
export interface EnrollmentProfile extends KubeObject {
  apiVersion: "selvedge.dev/v1alpha1";
  kind: "EnrollmentProfile";
  spec: EnrollmentProfileSpec;
  status?: EnrollmentProfileStatus;
}

export interface EnrollmentProfileSpec {
  /** PEM. Boxes carry it with its key; it proves nothing but that they are from the batch it was put in. */
  onboardingCertificate: string;
  /** Which serials: `*` stands for any text, `?` for one character. Unset or empty: any serial. */
  serials?: string[];
  approve?: "Automatic" | "Manual";
  /** `{serial}` stands for the box's serial, made fit for a name. */
  nodeName?: string;
  /** Given to the EdgeNode and its Node. */
  labels?: Record<string, string>;
  /** Given to the EdgeNode: boxes without a TPM get no configuration. */
  requireTPM?: boolean;
  /** For nodes it admitted whose EdgeNode says nothing itself. Holds at once, also for those there are. */
  measuredBoot?: MeasuredBoot;
}

export interface EnrollmentProfileStatus {
  /** How many nodes it admitted. */
  enrolled?: number;
  conditions?: Condition[];
}

/** Rules a person can oversee. */
const serialsMax = 1000;
const pemMax = 32_768;

const spec: Schema = objectOf(
  "Which boxes become nodes, and what they become.",
  {
    onboardingCertificate: textOf("PEM of the certificate that the boxes carry from the factory.", {
      minLength: 1,
      maxLength: pemMax,
    }),
    serials: {
      type: "array",
      description:
        "Which serials it admits: * stands for any text, ? for one character. Any serial when not said.",
      items: { type: "string", minLength: 1, maxLength: 256 },
      maxItems: serialsMax,
      "x-kubernetes-list-type": "set",
    },
    approve: textOf(
      "Automatic lets boxes in at once; with Manual each waits until its EdgeNode is approved.",
      {
        enum: ["Automatic", "Manual"],
        default: "Manual",
      },
    ),
    nodeName: textOf("Name that nodes get; {serial} stands for the serial, made fit for a name.", {
      minLength: 1,
      maxLength: 253,
      default: "{serial}",
    }),
    labels: { ...labelsSchema, description: "Labels that the EdgeNode and its Node get." },
    requireTPM: {
      type: "boolean",
      description:
        "Whether EdgeNodes it makes ask for a TPM; see EdgeNode.spec.requireTPM. Those that are there " +
        "already stay as they are.",
    },
    measuredBoot: measuredBootSchema,
  },
  ["onboardingCertificate"],
);

const status: Schema = objectOf("What became of it.", {
  enrolled: { type: "integer", format: "int32", description: "How many nodes it admitted.", minimum: 0 },
  conditions: conditionsSchema,
});

export const enrollmentProfileKind: KindDefinition = {
  group: "selvedge.dev",
  version: "v1alpha1",
  kind: "EnrollmentProfile",
  plural: "enrollmentprofiles",
  singular: "enrollmentprofile",
  shortNames: ["enp"],
  categories: ["selvedge"],
  namespaced: false,
  subresources: { status: true },
  custom: true,
  schema: objectOf("Admits boxes that nobody has touched.", { spec, status }, ["spec"]),
  // The rules rely on what the schema says.
  validate: (object, _old, found = []) => (found.length > 0 ? [] : validate(object as EnrollmentProfile)),
  columns: [
    nameColumn,
    column<EnrollmentProfile>("Serials", "Which serials it admits.", ({ spec: { serials = [] } }) =>
      serials.length === 0 ? "*" : serials.join(","),
    ),
    column<EnrollmentProfile>(
      "Approve",
      "Whether a human is asked.",
      ({ spec: { approve } }) => approve ?? "Manual",
    ),
    counts<EnrollmentProfile>("Enrolled", "How many nodes it admitted.", ({ status: is }) => is?.enrolled),
    ageColumn,
  ],
};

function validate({ spec }: EnrollmentProfile): FieldError[] {
  const faults = new Faults();
  const { onboardingCertificate, nodeName, labels, measuredBoot } = spec;
  const fault = certificateFault(onboardingCertificate);
  if (fault !== undefined) faults.invalid("spec.onboardingCertificate", "<certificate>", fault);
  faults.labels("spec.labels", labels);
  measuredBootFaults("spec.measuredBoot", measuredBoot, faults);
  if (nodeName !== undefined) {
    const example = nodeName.replaceAll("{serial}", "x");
    faults.all("spec.nodeName", nodeName, dnsSubdomainFaults(example));
    if (!nodeName.includes("{serial}")) {
      faults.invalid("spec.nodeName", nodeName, "must contain {serial}: each node needs a name of its own");
    }
  }
  return faults.errors;
}
