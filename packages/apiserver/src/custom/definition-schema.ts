/**
 * What a CustomResourceDefinition may say: its members, once, as rows of their numbers in Kubernetes'
 * protobuf encoding; the schema and the protobuf table are both made of them.
 */
import {
  objectMetaMessage,
  type ProtobufField,
  type ProtobufMessage,
  type Schema,
} from "@selvedge/apimachinery";

interface Row {
  readonly number: number;
  readonly schema: Schema;
  readonly wire: Omit<ProtobufField, "name">;
  readonly needed?: true;
}

interface Described {
  readonly schema: Schema;
  readonly protobuf: ProtobufMessage;
}

function described(description: string, rows: Readonly<Record<string, Row>>, hints: Schema = {}): Described {
  const properties: Record<string, Schema> = {};
  const protobuf: Record<number, ProtobufField> = {};
  for (const [name, { number, schema, wire, needed: isNeeded }] of Object.entries(rows)) {
    properties[name] = schema;
    protobuf[number] = { name, ...wire, ...(isNeeded && { needed: true }) };
  }
  const required = Object.keys(rows).filter((name) => rows[name]?.needed);
  const more = required.length === 0 ? {} : { required };
  return { schema: { type: "object", description, ...hints, properties, ...more }, protobuf };
}

const text = (number: number, description: string): Row => ({
  number,
  schema: { type: "string", description },
  wire: { type: "string" },
});
/** A pointer in upstream's Go: what is empty was said. */
const saidText = (number: number, description: string): Row => ({
  ...text(number, description),
  wire: { type: "string", pointer: true },
});
const flag = (number: number, description: string, pointer = false): Row => ({
  number,
  schema: { type: "boolean", description },
  wire: { type: "bool", ...(pointer && { pointer }) },
});
const count = (number: number, description: string): Row => ({
  number,
  schema: { type: "integer", format: "int64", description },
  wire: { type: "int64", pointer: true },
});
const amount = (number: number, description: string): Row => ({
  number,
  schema: { type: "number", format: "double", description },
  wire: { type: "double", pointer: true },
});
const texts = (number: number, description: string): Row => ({
  number,
  schema: { type: "array", items: { type: "string" }, description, "x-kubernetes-list-type": "atomic" },
  wire: { type: "string", repeated: true },
});
const json = (number: number, description: string): Row => ({
  number,
  schema: { description, "x-kubernetes-preserve-unknown-fields": true },
  wire: { type: "raw-extension", pointer: true },
});
const part = (number: number, of: Described, description: string): Row => ({
  number,
  schema: { ...of.schema, description },
  wire: { type: "message", message: of.protobuf },
});
/** As `part`, for what may be absent. */
const maybe = (...row: Parameters<typeof part>): Row => {
  const { wire, ...rest } = part(...row);
  return { ...rest, wire: { ...wire, pointer: true } };
};
const parts = (number: number, of: Described, description: string, hints: Schema = {}): Row => ({
  number,
  schema: { type: "array", items: of.schema, description, "x-kubernetes-list-type": "atomic", ...hints },
  wire: { type: "message", message: of.protobuf, repeated: true },
});
const needed = (row: Row): Row => ({ ...row, needed: true });

const rule: Described = described("A rule in the CEL language.", {
  rule: needed(text(1, "True of a value that is right. `self` is the value, `oldSelf` what it was.")),
  message: text(2, "What is wrong when the rule is not true."),
  messageExpression: text(3, "The same as an expression, which gives a text."),
  reason: saidText(4, "What kind of fault it is: FieldValueInvalid when not given."),
  fieldPath: text(5, "The member that is at fault, from here."),
  optionalOldSelf: flag(6, "Whether the rule is also asked of new values; oldSelf is optional then.", true),
});

/** Refers to itself, so it is filled in below. */
const schemaProperties: Record<string, Schema> = {};
const schemaFields: Record<number, ProtobufField> = {};
const package_ = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";
const schemaProps: Schema = {
  type: "object",
  description: "A structural schema: what values are like.",
  definition: `${package_}.JSONSchemaProps`,
  properties: schemaProperties,
};
const orBool: Schema = {
  description: "A schema, or whether anything is allowed.",
  definition: `${package_}.JSONSchemaPropsOrBool`,
  properties: schemaProperties,
};
const orArray: Schema = {
  description: "A schema, or one for each item.",
  definition: `${package_}.JSONSchemaPropsOrArray`,
  properties: schemaProperties,
};

const inner = { type: "message", message: () => schemaFields, pointer: true } as const;
const list = (number: number, description: string): Row => ({
  number,
  schema: { type: "array", items: schemaProps, description, "x-kubernetes-list-type": "atomic" },
  wire: { ...inner, repeated: true },
});
const map = (number: number, description: string): Row => ({
  number,
  schema: { type: "object", additionalProperties: schemaProps, description },
  wire: { type: "map", message: () => schemaFields },
});
const boolean = (number: number): Row => ({
  number,
  schema: orBool,
  wire: {
    type: "message",
    choice: true,
    pointer: true,
    message: { 1: { name: "allows", type: "bool", needed: true }, 2: { name: "schema", ...inner } },
  },
});
const items: Row = {
  number: 24,
  schema: orArray,
  wire: {
    type: "message",
    choice: true,
    pointer: true,
    message: { 1: { name: "schema", ...inner }, 2: { name: "jSONSchemas", ...inner, repeated: true } },
  },
};

const documentation: Described = described("More to read.", {
  description: text(1, "What it is."),
  url: text(2, "Where it is."),
});

const schemaRows: Described = described("", {
  id: text(1, "Not supported."),
  $schema: text(2, "Which dialect of JSON Schema it is."),
  $ref: saidText(3, "Not supported."),
  description: text(4, "What the value is for."),
  type: text(5, "object, array, string, integer, number or boolean."),
  format: text(6, "Of a text: what it is. Unknown formats are not checked."),
  title: text(7, "A name for people."),
  default: json(8, "What the value is when it is not given."),
  maximum: amount(9, "The largest number."),
  exclusiveMaximum: flag(10, "The maximum itself is not allowed."),
  minimum: amount(11, "The smallest number."),
  exclusiveMinimum: flag(12, "The minimum itself is not allowed."),
  maxLength: count(13, "The most characters."),
  minLength: count(14, "The fewest characters."),
  pattern: text(15, "A regular expression, in RE2's syntax, that is somewhere in the text."),
  maxItems: count(16, "The most items."),
  minItems: count(17, "The fewest items."),
  uniqueItems: flag(18, "Not supported: use a list type."),
  multipleOf: amount(19, "What divides the number."),
  enum: {
    number: 20,
    schema: {
      type: "array",
      items: { "x-kubernetes-preserve-unknown-fields": true },
      description: "All values there are.",
      "x-kubernetes-list-type": "atomic",
    },
    wire: { type: "raw-extension", repeated: true },
  },
  maxProperties: count(21, "The most members."),
  minProperties: count(22, "The fewest members."),
  required: texts(23, "Members that must be there."),
  items,
  allOf: list(25, "All must hold."),
  oneOf: list(26, "Exactly one must hold."),
  anyOf: list(27, "At least one must hold."),
  not: { number: 28, schema: schemaProps, wire: inner },
  properties: map(29, "Members by name."),
  additionalProperties: boolean(30),
  patternProperties: map(31, "Not supported."),
  dependencies: {
    number: 32,
    schema: { type: "object", additionalProperties: json(0, "").schema, description: "Not supported." },
    wire: {
      ...{ type: "map", choice: true },
      message: {
        1: { name: "schema", ...inner },
        2: { name: "property", type: "string", repeated: true },
      },
    },
  },
  additionalItems: boolean(33),
  definitions: map(34, "Not supported."),
  externalDocs: maybe(35, documentation, "More to read."),
  example: json(36, "An example."),
  nullable: flag(37, "Null is allowed."),
  "x-kubernetes-preserve-unknown-fields": flag(38, "Members that are not said here stay.", true),
  "x-kubernetes-embedded-resource": flag(39, "The value is a whole object, with its own metadata."),
  "x-kubernetes-int-or-string": flag(40, "The value is an integer or a text."),
  "x-kubernetes-list-map-keys": texts(41, "What an item of the list is known by."),
  "x-kubernetes-list-type": saidText(42, "atomic, set or map: how lists merge."),
  "x-kubernetes-map-type": saidText(43, "granular or atomic: how objects merge."),
  "x-kubernetes-validations": parts(44, rule, "Rules in the CEL language.", {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["rule"],
    "x-kubernetes-patch-merge-key": "rule",
    "x-kubernetes-patch-strategy": "merge",
  }),
});
Object.assign(schemaProperties, schemaRows.schema.properties);
Object.assign(schemaFields, schemaRows.protobuf);

const names: Described = described("What the kind is called.", {
  plural: needed(text(1, "In paths: /apis/<group>/<version>/<plural>. Lower case.")),
  singular: text(2, "One of them; the kind in lower case when not given."),
  shortNames: texts(3, "Short names for the command line."),
  kind: needed(text(4, "The kind, as objects say it.")),
  listKind: text(5, "The kind of a list of them; with List at the end when not given."),
  categories: texts(6, "Groups of kinds that tools name together: all."),
});

const scale: Described = described("Where the numbers of copies are.", {
  specReplicasPath: needed(text(1, "How many are wanted, below .spec.")),
  statusReplicasPath: needed(text(2, "How many there are, below .status.")),
  labelSelectorPath: saidText(3, "The selector of the copies, as text."),
});

const column: Described = described("A column of kubectl get.", {
  name: needed(text(1, "Its title.")),
  type: needed(text(2, "integer, number, string, boolean or date.")),
  format: text(3, "How the value is to be read."),
  description: text(4, "What it shows."),
  priority: {
    number: 5,
    schema: { type: "integer", format: "int32", description: "More than 0: only when there is room." },
    wire: { type: "int32" },
  },
  jsonPath: needed(text(6, "Where the value is.")),
});

const version: Described = described("One version of the kind.", {
  name: needed(text(1, "Its name: v1, v1beta1.")),
  served: needed(flag(2, "Whether there are paths for it.")),
  storage: needed(flag(3, "Whether objects are kept in it. One version is.")),
  deprecated: flag(7, "Whoever uses it is warned."),
  deprecationWarning: saidText(8, "In these words."),
  schema: maybe(
    4,
    described("What objects are like.", {
      openAPIV3Schema: { number: 1, schema: schemaProps, wire: inner },
    }),
    "What objects of this version are like.",
  ),
  subresources: maybe(
    5,
    described("Parts with paths of their own.", {
      status: {
        number: 1,
        schema: {
          type: "object",
          description: "There is /status.",
          "x-kubernetes-preserve-unknown-fields": true,
        },
        wire: { type: "message", message: {}, pointer: true },
      },
      scale: maybe(2, scale, "There is /scale."),
    }),
    "Parts with paths of their own.",
  ),
  additionalPrinterColumns: parts(6, column, "Columns of kubectl get, after the name."),
  selectableFields: parts(
    9,
    described("A field that lists can be narrowed by.", { jsonPath: needed(text(1, "Where it is.")) }),
    "Fields that lists and watches can be narrowed by.",
  ),
});

const conversionService: Described = described("A Service that answers.", {
  namespace: needed(text(1, "Its namespace.")),
  name: needed(text(2, "Its name.")),
  path: saidText(3, "The path that is asked."),
  port: {
    number: 4,
    schema: { type: "integer", format: "int32", description: "The port that is asked." },
    wire: { type: "int32", pointer: true },
  },
});

const conversionClient: Described = described("Whom to ask.", {
  url: saidText(3, "Its address."),
  service: maybe(1, conversionService, "The Service that answers."),
  caBundle: {
    number: 2,
    schema: { type: "string", format: "byte", description: "Who may have signed its certificate." },
    wire: { type: "bytes", pointer: true },
  },
});

const conversionWebhook: Described = described("Who turns versions into each other.", {
  clientConfig: maybe(2, conversionClient, "Whom to ask."),
  conversionReviewVersions: needed(texts(3, "Versions of the question it knows.")),
});

const conversion: Described = described("How an object of one version becomes one of another.", {
  strategy: needed(
    text(
      1,
      "None: all versions are alike but for apiVersion. Webhook: who is named turns them into each other.",
    ),
  ),
  webhook: maybe(2, conversionWebhook, "Who turns versions into each other."),
});

const spec: Described = described("What the kind is.", {
  group: needed(text(1, "The kind's group: a domain of yours.")),
  names: needed(part(3, names, "What it is called.")),
  scope: needed(text(4, "Cluster or Namespaced.")),
  versions: needed(parts(7, version, "All its versions.")),
  conversion: maybe(9, conversion, "How versions become one another."),
  preserveUnknownFields: flag(10, "Must be false."),
});

const condition: Described = described("One fact about the definition.", {
  type: needed(text(1, "Which.")),
  status: needed(text(2, "True, False or Unknown.")),
  lastTransitionTime: {
    number: 3,
    schema: { type: "string", format: "date-time", nullable: true, description: "Since when." },
    wire: { type: "time" },
  },
  reason: text(4, "Why, as one word."),
  message: text(5, "Why, for people."),
});

const status: Described = described("What has become of it.", {
  conditions: parts(1, condition, "Facts about it.", {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
  }),
  acceptedNames: part(2, names, "The names that no other kind has."),
  storedVersions: texts(3, "Versions in which objects may be kept."),
});

const whole: Described = described("A kind that a user brings: the server serves it as it does its own.", {
  spec: needed(part(2, spec, "What the kind is.")),
  status: part(3, status, "What has become of it."),
});

export const definitionSchema: Schema = whole.schema;
export const definitionMessage: ProtobufMessage = {
  1: { name: "metadata", type: "message", message: objectMetaMessage },
  ...whole.protobuf,
};
