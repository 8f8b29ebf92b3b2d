import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText, type KubeObject, type Schema } from "@selvedge/apimachinery";
import { type Clock, Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { BusyClock, LoopTurns } from "../../test/busy-clock.ts";
import { ObjectRegistry } from "../rest/object-registry.ts";
import { resourcesOf } from "../rest/resources.ts";
import { SqliteStore } from "../store/sqlite-store.ts";
import { CustomResources } from "./custom-resources.ts";
import { type CustomResourceDefinition, conditionOf, type DefinitionVersion } from "./definition.ts";
import { definitionKind } from "./definition-kind.ts";
import { compileJsonPath, printJson } from "./json-path.ts";
import { schemaErrors } from "./schema-rules.ts";

const clock = new SystemClock();

function tabs(plural: string, more: Partial<DefinitionVersion> = {}): CustomResourceDefinition {
  const kind = `${plural[0]?.toUpperCase()}${plural.slice(1, -1)}`;
  return {
    ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
    metadata: { name: `${plural}.lab.example.com` },
    spec: {
      ...{ group: "lab.example.com", scope: "Cluster", names: { plural, kind } },
      versions: [
        {
          ...{ name: "v1", served: true, storage: true },
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
            },
          },
          ...more,
        },
      ],
    },
  };
}

class Replica implements AsyncDisposable {
  readonly objects: ObjectRegistry;
  readonly custom: CustomResources;

  constructor(store: SqliteStore, own: Clock) {
    this.objects = new ObjectRegistry([], store, own, new SeededRandom(1));
    const log = new Log("test", clock, silentSink);
    this.custom = new CustomResources({ objects: this.objects, store, clock: own, log });
  }

  static async start(store: SqliteStore, own: Clock = clock): Promise<Replica> {
    const replica = new Replica(store, own);
    await replica.custom.start();
    return replica;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.custom[Symbol.asyncDispose]();
  }

  define(definition: CustomResourceDefinition): Promise<CustomResourceDefinition> {
    return this.objects.create(definitionKind, definition);
  }

  /** The definition once it says so; undefined once it is gone. */
  async until(name: string, holds: (one: CustomResourceDefinition | undefined) => boolean): Promise<void> {
    const signal = AbortSignal.timeout(10_000);
    let seen: CustomResourceDefinition | undefined;
    const query = { fieldSelector: `metadata.name=${name}`, signal };
    for await (const { type, object } of this.objects.watch<CustomResourceDefinition>(
      definitionKind,
      query,
    )) {
      seen = type === "DELETED" ? undefined : object;
      if (holds(seen)) return;
    }
    assert.fail(`${name} is ${JSON.stringify(seen?.status)}`);
  }
}

function is(type: Parameters<typeof conditionOf>[1], status = "True") {
  return (one: CustomResourceDefinition | undefined): boolean =>
    one !== undefined && conditionOf(one, type)?.status === status;
}

function tab(name: string, size: unknown): KubeObject {
  return { apiVersion: "lab.example.com/v1", kind: "Tab", metadata: { name }, spec: { size } };
}

/** With a description of some length, so that the log is taken of one at a time. */
function longTabs(plural: string): CustomResourceDefinition {
  const description = "x".repeat(70_000);
  return tabs(plural, { schema: { openAPIV3Schema: { type: "object", description } } });
}

describe("custom kinds", () => {
  it("that come together are taken in and settled in turns, each by three writes", async () => {
    const store = new SqliteStore(":memory:");
    await using one = await Replica.start(store, new BusyClock());
    using turns = new LoopTurns();
    const served: number[] = [];
    one.objects.table.onChange(() => served.push(turns.now));
    const names = ["tabs", "tubs", "tips"];
    const write = store.write.bind(store);
    let writes = 0;
    store.write = (...row) => {
      writes++;
      return write(...row);
    };
    await Promise.all(names.map((name) => one.define(longTabs(name))));
    for (const name of names) await one.until(`${name}.lab.example.com`, is("Established"));
    assert.equal(writes, names.length * 3);
    assert.equal(new Set(served).size, served.length, `served anew in turns ${served}`);
  });

  it("are going once the deletion of their definition is answered", async () => {
    await using one = await Replica.start(new SqliteStore(":memory:"), new BusyClock());
    await one.define(tabs("tabs"));
    await one.until("tabs.lab.example.com", is("Established"));
    const kind = one.objects.kinds.find(({ plural }) => plural === "tabs") ?? assert.fail();
    const held = tab("held", 1);
    held.metadata.finalizers = ["example.com/hold"];
    await one.objects.create(kind, held);
    await one.objects.delete(definitionKind, "tabs.lab.example.com");
    await assert.rejects(one.objects.create(kind, tab("late", 1)), { code: 405 });
  });

  it("are served by every replica once one says that they are established", async () => {
    const store = new SqliteStore(":memory:");
    await using one = await Replica.start(store);
    await using two = await Replica.start(store);
    await one.define(tabs("tabs"));
    await one.until("tabs.lab.example.com", is("Established"));
    await two.objects.table.catchUp();
    const kind = two.objects.kinds.find(({ plural }) => plural === "tabs");
    assert.ok(kind);
    await two.objects.create(kind, tab("a", 1));
    await assert.rejects(
      two.objects.create(kind, tab("b", "x")),
      /spec.size in body must be of type integer/,
    );
    assert.equal((await one.objects.get(kind, "a")).metadata.generation, 1);
  });

  it("are told of once they are established, and those who watch them watch on", async () => {
    await using one = await Replica.start(new SqliteStore(":memory:"));
    const endings: AbortSignal[] = [];
    const told: boolean[] = [];
    one.objects.table.onChange(() => {
      const kinds = one.objects.kinds.filter(({ plural }) => plural === "tabs");
      endings.push(...kinds.map((kind) => one.objects.table.ending(kind)));
      told.push(...kinds.map((kind) => resourcesOf([kind], []).length === 1));
    });
    await one.define(tabs("tabs"));
    await one.until("tabs.lab.example.com", is("Established"));
    await one.objects.table.catchUp();
    assert.deepEqual(told, [false, true]);
    assert.deepEqual(
      endings.map(({ aborted }) => aborted),
      [false, false],
    );
  });

  it("are there again after a restart, and their objects go with them", async () => {
    const store = new SqliteStore(":memory:");
    {
      await using one = await Replica.start(store);
      await one.define(tabs("tabs"));
      await one.until("tabs.lab.example.com", is("Established"));
    }
    await using two = await Replica.start(store);
    const kind = two.objects.kinds.find(({ plural }) => plural === "tabs");
    assert.ok(kind);
    const held = tab("held", 1);
    held.metadata.finalizers = ["example.com/hold"];
    await two.objects.create(kind, held);
    await two.objects.delete(definitionKind, "tabs.lab.example.com");
    await two.until("tabs.lab.example.com", is("Terminating"));
    await assert.rejects(
      two.objects.create(kind, tab("late", 1)),
      /create not allowed while custom resource/,
    );
    // It is being marked for deletion meanwhile.
    await two.objects.patch(kind, "held", undefined, "merge", { metadata: { finalizers: null } });
    await two.until("tabs.lab.example.com", (one) => one === undefined);
  });

  it("are told once, by its older name, of what all versions say alike", async () => {
    await using one = await Replica.start(new SqliteStore(":memory:"));
    const schema: DefinitionVersion["schema"] = {
      openAPIV3Schema: { type: "object", properties: { spec: {} } },
    };
    const column = { name: "Size", type: "odd", jsonPath: ".spec.size" };
    const definition = tabs("tabs", { schema, additionalPrinterColumns: [column] });
    const [first] = definition.spec.versions;
    assert.ok(first);
    definition.spec.versions.push({ ...first, name: "v2", storage: false, additionalPrinterColumns: [] });
    await assert.rejects(one.define(definition), ({ message }: Error) => {
      const faults = /is invalid: \[?(.*?)\]?$/s.exec(message)?.[1]?.split(/, (?=spec\.)/) ?? [];
      assert.deepEqual(faults.sort(), [
        "spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified " +
          "object fields",
        'spec.versions[0].additionalPrinterColumns[0].type: Invalid value: "odd": must be one of ' +
          "boolean,date,integer,number,string",
      ]);
      return true;
    });
  });

  it("are warned of formats that nobody checks", async () => {
    await using one = await Replica.start(new SqliteStore(":memory:"));
    const definition = tabs("tabs");
    const spec = { type: "string", format: "spam" } as const;
    const schema = { openAPIV3Schema: { type: "object", properties: { spec } } } as const;
    Object.assign(definition.spec.versions[0] ?? {}, { schema });
    const warnings: string[] = [];
    await one.objects.create(definitionKind, definition, { warn: (text) => warnings.push(text) });
    assert.deepEqual(warnings, ['unrecognized format "spam"']);
  });

  it("of one name that come together have it one after the other", async () => {
    await using replica = await Replica.start(new SqliteStore(":memory:"));
    const names = ["tabs", "cards", "notes"].map((plural) => {
      const definition = tabs(plural);
      definition.spec.names.kind = "Tab";
      return { definition, name: definition.metadata.name };
    });
    await Promise.all(names.map(({ definition }) => replica.define(definition)));
    const settled = names.map(({ name }) =>
      replica.until(name, (one) => is("Established")(one) || is("NamesAccepted", "False")(one)),
    );
    await Promise.all(settled);
    const { items } = await replica.objects.list<CustomResourceDefinition>(definitionKind);
    const [has, ...wait] = items.sort((one) => (is("Established")(one) ? -1 : 1));
    assert.deepEqual(
      [has, ...wait].map((one) => one?.status?.acceptedNames?.kind),
      ["Tab", "", ""],
    );
    await replica.objects.delete(definitionKind, has?.metadata.name ?? "");
    const query = { signal: AbortSignal.timeout(10_000) };
    for await (const { object } of replica.objects.watch<CustomResourceDefinition>(definitionKind, query))
      if (object.metadata.name !== has?.metadata.name && is("Established")(object)) return;
    assert.fail("the name that was given up is nobody's");
  });

  it("wait for a name until it is given up", async () => {
    const store = new SqliteStore(":memory:");
    await using one = await Replica.start(store);
    await one.define(tabs("tabs"));
    await one.until("tabs.lab.example.com", is("Established"));
    const second = tabs("tables");
    second.spec.names.shortNames = ["tab"];
    await one.define(second);
    await one.until("tables.lab.example.com", is("NamesAccepted", "False"));
    await one.objects.delete(definitionKind, "tabs.lab.example.com");
    await one.until("tables.lab.example.com", is("Established"));
  });
});

const text: Schema = { type: "string" };
const embedded: Schema = {
  ...{ type: "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true },
};
const schemas: readonly (readonly [what: string, spec: Schema, fault: string])[] = [
  ["a value without a type", {}, ".type: Required value: must not be empty for specified object fields"],
  ["a list without items", { type: "array" }, ".items: Required value: must be specified"],
  [
    "a list of nothing",
    { type: "array", items: null } as unknown as Schema,
    ".items: Required value: must be specified",
  ],
  [
    "a type below a junctor",
    { type: "object", anyOf: [{ type: "object" }] },
    ".anyOf[0].type: Forbidden: must be empty to be structural",
  ],
  [
    "a pattern that is none",
    { type: "string", pattern: "[a" },
    '.pattern: Invalid value: "[a": must be a valid regular expression, but isn\'t: ' +
      "error parsing regexp: missing closing ]: `[a`",
  ],
  [
    "a default of the wrong type",
    { type: "string", default: 1 },
    '.default: Invalid value: "integer": must be of type string: "integer"',
  ],
  [
    "a default with what nobody knows",
    { type: "object", default: { b: 1 }, properties: { a: text } },
    '.default: Invalid value: {"b":1}: must not have unknown fields',
  ],
  [
    "a default of an embedded object's metadata that cannot be",
    { ...embedded, properties: { metadata: { type: "object", default: { name: "a/b", odd: 1 } } } },
    '.properties[metadata].default: Invalid value: {"name":"a/b","odd":1}: must result in valid metadata: ' +
      "metadata.name: Invalid value: \"a/b\": may not contain '/' or '%'",
  ],
  [
    "members by name and others",
    { type: "object", properties: { a: text }, additionalProperties: text },
    ".additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
  ],
  [
    "a list by keys without keys",
    { type: "array", "x-kubernetes-list-type": "map", items: { type: "object" } },
    ".x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
  ],
  [
    "a key that may be missing",
    {
      ...{ type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"] },
      items: { type: "object", properties: { a: text } },
    },
    ".items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, so it must " +
      "have a default or be a required property",
  ],
  [
    "a set of objects",
    { type: "array", "x-kubernetes-list-type": "set", items: { type: "object", properties: { a: text } } },
    ".items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with " +
      "x-kubernetes-list-type=set",
  ],
  [
    "unique items",
    { type: "array", items: text, uniqueItems: true },
    ".uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
  ],
  [
    "an embedded object that keeps nothing",
    { type: "object", "x-kubernetes-embedded-resource": true },
    ".properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without " +
      "x-kubernetes-preserve-unknown-fields",
  ],
  [
    "a rule about what was before, where nobody can tell which it was",
    {
      type: "array",
      items: { type: "string", maxLength: 2, "x-kubernetes-validations": [{ rule: "self == oldSelf" }] },
    },
    '.items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the ' +
      "uncorrelatable portion of the schema within schema.openAPIV3Schema.properties[spec]",
  ],
];

describe("a schema that is refused", () => {
  for (const [what, spec, fault] of schemas) {
    it(what, () => {
      const terms = { hasStatus: false, unchanged: false };
      const errors = schemaErrors({ type: "object", properties: { spec } }, "schema", terms);
      const wanted = `schema.openAPIV3Schema.properties[spec]${fault}`;
      assert.ok(errors.map(fieldErrorText).includes(wanted), errors.map(fieldErrorText).join("\n"));
    });
  }
});

it("a default of an embedded object may have what all objects have, and what none has is left out", () => {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "x", odd: 1 } };
  for (const spec of [
    { ...embedded, default: pod },
    { ...embedded, properties: { metadata: { type: "object", default: { name: "x", odd: 1 } } } },
  ] as const) {
    const terms = { hasStatus: false, unchanged: false };
    assert.deepEqual(schemaErrors({ type: "object", properties: { spec } }, "schema", terms), []);
  }
});

describe("the path of a column", () => {
  const object = {
    metadata: { labels: { "a.b/c": "x" } },
    status: { conditions: [{ type: "Ready", status: "True", n: 2 }, { type: "Other" }] },
    counts: [{ n: 9007199254740993n }, { n: 9007199254740992n }, { n: 1.5 }],
  };
  const paths: readonly (readonly [path: string, found: string])[] = [
    [".metadata.labels['a.b/c']", "x"],
    [".metadata.labels.a\\.b/c", "x"],
    ['.status.conditions[?(@.type=="Ready")].status', "True"],
    [".status.conditions[?(@.n>1)].n", "2"],
    [".counts[?(@.n==9007199254740993)].n", "9007199254740993"],
    [".counts[?(@.n>=9007199254740992)].n", "9007199254740993,9007199254740992"],
    [".counts[?(@.n<2.5e3)].n", "1.5"],
    [".status.conditions[-1].type", "Other"],
    [".status.conditions[*].type", "Ready,Other"],
    [".status.conditions[0:1].type", "Ready"],
    ["..type", "Ready,Other"],
    [".metadata.labels", '{"a.b/c":"x"}'],
    [".gone.too", ""],
  ];
  for (const [path, found] of paths) {
    it(path, () => assert.equal(compileJsonPath(path)(object).map(printJson).join(), found));
  }
});
