/** POST, PUT, PATCH and DELETE: from a body to the registry, and what became of it. */
import type { KindDefinition, KubeObject, ParsedBody } from "@selvedge/apimachinery";
import { admitPosted } from "../admission/asked-parts.ts";
import { type Authorizer, requireAllowed } from "../auth/authorization.ts";
import type { PostedPart, VirtualKind } from "../auth/review-kinds.ts";
import { type FieldRules, pruneObject } from "../rest/field-validation.ts";
import { apiVersionOf } from "../rest/kind-names.ts";
import { jsonOf } from "../rest/lazy-object.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import { checkSaid, type PatchKind, patchTypes, patchTypesOf } from "../rest/patching.ts";
import type { LongBody } from "../rest/planner.ts";
import { bindPod, evictPod } from "../rest/pod-parts.ts";
import { bindingKind, evictionKind, type PodPartKind, scaleKind } from "../rest/posted-kinds.ts";
import { badRequest, methodNotAllowed, unsupportedBody } from "../rest/refusals.ts";
import { replaceOrMake } from "../rest/replacing.ts";
import { isRevision } from "../rest/revision-text.ts";
import { patchedScale, settledScale } from "../rest/scale.ts";
import type { Stored } from "../rest/stored.ts";
import type { Target } from "../rest/target.ts";
import { fillDefaults } from "../rest/write-plan.ts";
import type { WriteQuery, Written } from "../rest/write-query.ts";
import { StatusError } from "../status-error.ts";
import { mediaTypeOf, readBody } from "./body.ts";
import { remove, success } from "./deletes.ts";
import type { Exchange } from "./exchange.ts";
import { formOf } from "./negotiation.ts";
import { writeOptions } from "./query.ts";
import { type ReadPorts, shown } from "./reads.ts";
import { answer, warn } from "./respond.ts";
import { bodyOf, type Expected, objectIn, patchOf, placed, placedAs, readable } from "./written-body.ts";

export interface WritePorts extends ReadPorts {
  readonly objects: ObjectRegistry;
  readonly authorizer: Authorizer;
  readonly virtual: readonly VirtualKind[];
  readonly posted: readonly PostedPart[];
}

interface Outcome {
  readonly code: number;
  readonly body: unknown;
}

/** What the registry says of a write besides its outcome. */
type Ears = Required<Pick<WriteQuery, "warn" | "wrote" | "annotate">>;

/** Parts of an object that are written like the object itself. */
const ownParts = new Set(["status", "finalize", "ephemeralcontainers", "resize", "approval"]);

/** Whether this file answers the subresource; others belong to the streams. */
export function writesSubresource(
  subresource: string,
  { target }: Exchange,
  posted: readonly PostedPart[],
): boolean {
  const { kind } = target;
  if (posted.some((one) => isPart(one, target))) return true;
  if (kind.subresources?.scale !== undefined && subresource === "scale") return true;
  if (subresource === "status") return kind.subresources?.status === true;
  if (subresource === "finalize") return kind.group === "" && kind.plural === "namespaces";
  const isPod = kind.group === "" && kind.plural === "pods";
  if (isPod && (subresource === "binding" || subresource === "eviction")) return true;
  const listed = kind.subresources?.others?.some(({ name }) => name === subresource) === true;
  return listed && ownParts.has(subresource);
}

function isPart({ group, plural, subresource }: PostedPart, { kind, subresource: asked }: Target): boolean {
  return kind.group === group && kind.plural === plural && asked === subresource;
}

export async function serveWrite(exchange: Exchange, ports: WritePorts): Promise<void> {
  const { request } = exchange;
  // What cannot be answered is not done.
  const offer = {
    protobuf: exchange.target.kind.protobuf !== undefined,
    table: !isQuestion(exchange.target, ports),
  };
  const { view, encoding } = formOf(request.headers.accept, offer);
  const body = await readBody(request);
  await ports.objects.turns.next();
  if (exchange.audit?.wants("Request")) exchange.audit.asked(await readable(exchange, ports.objects, body));
  let kept: Stored | undefined;
  const { code, body: made } = await write(exchange, ports, body, {
    warn: (text) => warn(exchange.response, text),
    annotate: (...said) => exchange.audit?.annotate(...said),
    wrote: (stored) => {
      kept = stored;
    },
  });
  const object = made as KubeObject;
  const ofKind =
    object.kind === exchange.target.kind.kind && object.apiVersion === apiVersionOf(exchange.target.kind);
  const shape = ofKind && view !== "object" ? shown(object, view, exchange, ports.clock.now()) : made;
  // What is shown as another than it is kept would have to be read again.
  const text = ofKind && shape === made && exchange.target.kind.view === undefined ? kept?.json : undefined;
  await answer(exchange, encoding, code, text ?? jsonOf(shape));
}

function isQuestion(target: Target, { posted, virtual }: WritePorts): boolean {
  return virtual.some(({ kind }) => kind === target.kind) || posted.some((part) => isPart(part, target));
}

function write(exchange: Exchange, ports: WritePorts, body: Uint8Array, ears: Ears): Promise<Outcome> {
  const { request, target } = exchange;
  const { name, subresource } = target;
  const part = ports.posted.find((one) => isPart(one, target));
  switch (request.method) {
    case "POST":
      if (name === undefined) return create(exchange, ports, body, ears);
      if (part !== undefined) return postToPart(exchange, part, ports, body, ears);
      if (subresource === "binding" || subresource === "eviction")
        return postToPod(exchange, ports, body, ears);
      throw methodNotAllowed();
    case "PUT":
      if (name === undefined) throw methodNotAllowed();
      return replace(exchange, ports, body, ears);
    case "PATCH":
      if (name === undefined) throw methodNotAllowed();
      return patch(exchange, ports, body, ears);
    case "DELETE":
      if (subresource !== undefined) throw methodNotAllowed();
      return remove(exchange, ports.objects, body, { warn: ears.warn, annotate: ears.annotate });
    default:
      throw methodNotAllowed();
  }
}

async function create(
  exchange: Exchange,
  { objects, virtual, clock }: WritePorts,
  body: Uint8Array,
  ears: Ears,
): Promise<Outcome> {
  const { query, target, user } = exchange;
  const { kind, namespace } = target;
  if (kind.namespaced && namespace === undefined) throw methodNotAllowed();
  const options = writeOptions("CreateOptions", query, false);
  const parsed = await bodyOf(exchange, objects, body, kind);
  const object = placed(parsed, exchange);
  const answering = virtual.find((one) => one.kind === kind);
  if (answering !== undefined) {
    settlePosted(kind, object, { ...options, ...told(parsed), ...ears });
    await admitPosted(objects, exchange, object, { ...options, ...ears, user });
    const asked = { ...withManager(options, exchange), ...ears, now: clock.now() };
    const answered = await answering.answer(object, user, asked);
    return {
      code: 201,
      body: answering.isDone ? { ...success, code: 201 } : { ...object, status: answered },
    };
  }
  // It is the store that says this, as upstream; what is only tried never gets there.
  if (!options.dryRun && isRevision(object.metadata.resourceVersion)) {
    throw new StatusError(500, "", "resourceVersion should not be set on objects to be created");
  }
  const made = await objects.create(kind, object, {
    ...withManager(options, exchange),
    ...{ ...told(parsed), ...ears },
  });
  return { code: 201, body: made };
}

/** What a body says that its object does not. */
function told({ duplicates, skipped = [], rounded = [], isLong }: LongBody): FieldRules {
  return { duplicates, skipped, rounded, ...(isLong && { isLong }) };
}

/** Upstream reads what is applied as YAML, whatever it is, and says so. */
function checkApplied(
  { duplicateLines = [] }: ParsedBody,
  { fieldValidation }: FieldRules,
  { warn }: Ears,
): void {
  if (duplicateLines.length === 0 || (fieldValidation ?? "Ignore") === "Ignore") return;
  const fault = `error converting YAML to JSON: yaml: unmarshal errors:\n  ${duplicateLines.join("\n  ")}`;
  if (fieldValidation === "Strict") throw badRequest(`error strict decoding YAML: ${fault}`);
  warn(fault);
}

/** A question is held to its schema like what is stored. */
function settlePosted(kind: KindDefinition, object: KubeObject, rules: WriteQuery): void {
  pruneObject(kind, object, rules);
  fillDefaults(kind, object, undefined);
}

async function postToPart(
  exchange: Exchange,
  { kind, answer }: PostedPart,
  { objects }: WritePorts,
  body: Uint8Array,
  ears: Ears,
): Promise<Outcome> {
  const { query, target, user } = exchange;
  const options = writeOptions("CreateOptions", query, false);
  const parsed = await bodyOf(exchange, objects, body, kind);
  const object = placed(parsed, { ...exchange, target: { ...target, kind } });
  settlePosted(kind, object, { ...options, ...told(parsed), ...ears });
  await admitPosted(objects, exchange, object, { ...options, ...ears, user });
  const { name = "", namespace = "" } = target;
  const status = await answer(object, { name, namespace });
  return { code: 201, body: { ...object, status } };
}

async function postToPod(
  exchange: Exchange,
  { objects, clock }: WritePorts,
  body: Uint8Array,
  { warn, annotate }: Ears,
): Promise<Outcome> {
  const { query, target } = exchange;
  const { kind, name = "", namespace, subresource } = target;
  const options = { ...withManager(writeOptions("CreateOptions", query, false), exchange), warn, annotate };
  const expected = subresource === "binding" ? bindingKind : evictionKind;
  const said = await bodyOf(exchange, objects, body, expected);
  const posted = placedAs(said, asBefore(expected, objectIn(said)["apiVersion"]), {
    name: undefined,
    namespace,
  });
  const pod = { name, namespace };
  if (posted.metadata.name !== name) {
    throw badRequest(`name in URL does not match name in ${expected.kind} object`);
  }
  await admitPosted(objects, exchange, posted, options);
  if (subresource === "binding") await bindPod(objects, kind, posted, { ...options, now: clock.now() });
  else await evictPod(objects, kind, pod, posted, options.dryRun === true);
  return { code: 201, body: { ...success, code: 201 } };
}

/** Clients that are older say an older version of what is the same. */
function asBefore({ kind, apiVersion, before }: PodPartKind, said: unknown): Expected {
  return { kind, apiVersion: before !== undefined && said === before ? before : apiVersion };
}

async function replace(
  exchange: Exchange,
  { objects, authorizer }: WritePorts,
  body: Uint8Array,
  ears: Ears,
): Promise<Outcome> {
  const { query, target } = exchange;
  const { kind, name = "", namespace, subresource } = target;
  const options = withManager(writeOptions("UpdateOptions", query, false), exchange);
  if (subresource === "scale") {
    const sent = await bodyOf(exchange, objects, body, scaleKind);
    const expected = { kind: scaleKind.kind, apiVersion: "autoscaling/v1" };
    const said = placedAs(sent, expected, target, true);
    const scale = settledScale(said, { ...options, ...told(sent), ...ears });
    const scaled = await objects.change(
      kind,
      name,
      namespace,
      { ...options, ...ears, subresource },
      (_stored, found) => objects.planner.scaled(kind, found, scale),
    );
    return { code: 200, body: await objects.planner.scale(kind, scaled) };
  }
  const parsed = await bodyOf(exchange, objects, body, kind);
  const object = placed(parsed, exchange, true);
  const part = subresource === undefined ? {} : { subresource };
  const rules = { ...options, ...part, ...told(parsed), ...ears, mayMake: mayMake(exchange, authorizer) };
  return madeOr(await replaceOrMake(objects, kind, object, rules));
}

/** What is not there yet is made by PUT and by apply too, by whoever may make it. */
function mayMake({ target, user }: Exchange, authorizer: Authorizer): () => Promise<void> {
  const { kind, namespace, name } = target;
  const { group, version, plural: resource } = kind;
  const where = { ...(namespace && { namespace }), ...(name && { name }) };
  const asked = { type: "resource", user, verb: "create", group, version, resource, ...where } as const;
  return async () => void (await requireAllowed(authorizer, asked));
}

function madeOr({ object, created }: Written): Outcome {
  return { code: created ? 201 : 200, body: object };
}

async function patch(
  exchange: Exchange,
  { objects, authorizer }: WritePorts,
  body: Uint8Array,
  ears: Ears,
): Promise<Outcome> {
  const { request, query, target } = exchange;
  const { kind, name = "", namespace, subresource } = target;
  const media = mediaTypeOf(request);
  const type = (Object.keys(patchTypes) as PatchKind[]).find((one) => patchTypes[one] === media);
  if (type === undefined) throw unsupportedBody(patchTypesOf(kind));
  const options = withManager(writeOptions("PatchOptions", query, type === "apply"), exchange);
  const patched = subresource === "scale" ? scaleKind : kind;
  const parsed = await patchOf(exchange, objects, body, type === "apply", patched);
  if (subresource === "scale") {
    const value = type === "apply" ? objectIn(parsed) : parsed.value;
    const sent = { ...options, ...told(parsed), ...ears };
    const scaled = await objects.change(
      kind,
      name,
      namespace,
      { ...options, ...ears, subresource },
      async (stored, found) => {
        const scale = await objects.planner.scale(kind, stored);
        return objects.planner.scaled(kind, found, patchedScale(kind, scale, { type, value }, sent));
      },
    );
    return { code: 200, body: await objects.planner.scale(kind, scaled) };
  }
  const part = subresource === undefined ? {} : { subresource };
  if (type === "apply") checkApplied(parsed, options, ears);
  // Members that are said twice in what is applied have been told.
  const once = type === "apply" ? { duplicates: [] } : {};
  const rules = { ...options, ...part, ...told(parsed), ...once, ...ears };
  if (type !== "apply") {
    return { code: 200, body: await objects.patch(kind, name, namespace, type, parsed.value, rules) };
  }
  checkSaid(kind, objectIn(parsed));
  const configuration = placed(parsed, exchange, true);
  // Of kinds of users' upstream decodes no configuration: its nulls are refused where whoever decodes drops them.
  const making = { ...rules, mayMake: mayMake(exchange, authorizer), keepsNulls: kind.custom === true };
  return madeOr(await objects.apply(kind, name, namespace, configuration, making));
}

function withManager(options: ReturnType<typeof writeOptions>, { request, user }: Exchange): WriteQuery {
  // As upstream: whoever does not say who they are is known by their program's name.
  const agent = (request.headers["user-agent"] ?? "").split("/")[0]?.slice(0, 128) ?? "";
  return { ...options, user, fieldManager: options.fieldManager || agent || "unknown" };
}
