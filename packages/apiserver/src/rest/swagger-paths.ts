/** The operations of OpenAPI v3 as v2 says them. Pure. */
import { createHash } from "node:crypto";

type Json = Readonly<Record<string, unknown>>;

/** Of paths whose operations have what ours have: parameters with plain types, a body, answers with one schema. */
export class SwaggerPaths {
  /** What several operations can be asked is said once. */
  readonly parameters: Map<string, Json> = new Map();

  item(item: Json): Json {
    const members = Object.entries(item).map(([name, value]): [string, unknown] =>
      name === "parameters"
        ? [name, this.#parameters(value as readonly Json[])]
        : [name, this.#operation(value as Json)],
    );
    return Object.fromEntries(members);
  }

  #operation({ parameters = [], requestBody, responses, ...others }: Json): Json {
    const body = contentOf(requestBody as Json | undefined);
    const answers = Object.entries(responses as Json);
    const [produces = []] = answers.map(([, answer]) => contentOf(answer as Json)?.types ?? []);
    const { required } = (requestBody ?? {}) as Json;
    const said = { name: "body", in: "body", ...(required === true && { required }), schema: body?.schema };
    const all = [...(body === undefined ? [] : [said]), ...(parameters as readonly Json[])];
    return {
      ...others,
      consumes: body?.types ?? (isTexts(produces, others) ? produces : ["*/*"]),
      ...{ produces, schemes: ["https"] },
      ...(all.length > 0 && { parameters: this.#parameters(all) }),
      responses: Object.fromEntries(
        answers.map(([code, answer]) => {
          const { description } = answer as Json;
          const content = contentOf(answer as Json);
          return [code, { description, ...(content === undefined ? {} : { schema: content.schema }) }];
        }),
      ),
    };
  }

  #parameters(all: readonly Json[]): Json[] {
    return all.map(({ schema, ...others }) => {
      // A parameter's type stands beside its name.
      const parameter = others["in"] === "body" ? { ...others, schema } : { ...others, ...(schema as Json) };
      if (isOwn(parameter)) return parameter;
      const text = JSON.stringify(parameter);
      const hash = createHash("sha256").update(text).digest().subarray(0, 6).toString("base64url");
      const name = `${others["name"]}-${hash}`;
      this.parameters.set(name, parameter);
      return { $ref: `#/parameters/${name}` };
    });
  }
}

/** Said where it is: what names a kind, and what clients look for in an operation to know what the server can. */
function isOwn(parameter: Json): boolean {
  const { $ref = "" } = (parameter["schema"] ?? {}) as { readonly $ref?: string };
  if (parameter["in"] === "body") return !$ref.startsWith("#/definitions/io.k8s.apimachinery.");
  return ["name", "dryRun", "fieldValidation"].includes(String(parameter["name"]));
}

/** Whether it is asked in the same encodings as it is answered: of users' kinds, and of discovery. */
function isTexts(types: readonly string[], operation: Json): boolean {
  return (
    operation["x-kubernetes-action"] === undefined || types.join() === "application/json,application/yaml"
  );
}

function contentOf(
  said: Json | undefined,
): { readonly types: readonly string[]; readonly schema: unknown } | undefined {
  const content = said?.["content"] as Readonly<Record<string, Json>> | undefined;
  if (content === undefined) return undefined;
  return { types: Object.keys(content), schema: Object.values(content)[0]?.["schema"] };
}
