/** The operations of OpenAPI v3 as v2 says them. Pure. */

type Json = Readonly<Record<string, unknown>>;

const methods: ReadonlySet<string> = new Set(["get", "put", "post", "delete", "patch"]);

/** Of paths whose operations have what ours have: parameters with plain types, a body, answers with one schema. */
export function swaggerPaths(paths: Json): Json {
  return Object.fromEntries(Object.entries(paths).map(([path, item]) => [path, swaggerItem(item as Json)]));
}

function swaggerItem(item: Json): Json {
  const members = Object.entries(item).map(([name, value]): [string, unknown] => {
    if (methods.has(name)) return [name, swaggerOperation(value as Json)];
    return [name, name === "parameters" ? (value as readonly Json[]).map(swaggerParameter) : value];
  });
  return Object.fromEntries(members);
}

function swaggerOperation({ parameters, requestBody, responses, ...others }: Json): Json {
  const body = contentOf(requestBody as Json | undefined);
  const answers = Object.entries(responses as Json);
  const produces = answers.flatMap(([, answer]) => contentOf(answer as Json)?.types ?? []);
  return {
    ...others,
    ...(body === undefined ? {} : { consumes: body.types }),
    produces: [...new Set(produces)],
    parameters: [
      ...(body === undefined ? [] : [{ name: "body", in: "body", required: true, schema: body.schema }]),
      ...((parameters ?? []) as readonly Json[]).map(swaggerParameter),
    ],
    responses: Object.fromEntries(
      answers.map(([code, answer]) => {
        const { description } = answer as Json;
        const content = contentOf(answer as Json);
        return [code, { description, ...(content === undefined ? {} : { schema: content.schema }) }];
      }),
    ),
  };
}

/** A parameter's type stands beside its name. */
function swaggerParameter({ schema, ...others }: Json): Json {
  return { ...others, ...(schema as Json) };
}

function contentOf(
  said: Json | undefined,
): { readonly types: readonly string[]; readonly schema: unknown } | undefined {
  const content = said?.["content"] as Readonly<Record<string, Json>> | undefined;
  if (content === undefined) return undefined;
  return { types: Object.keys(content), schema: Object.values(content)[0]?.["schema"] };
}
