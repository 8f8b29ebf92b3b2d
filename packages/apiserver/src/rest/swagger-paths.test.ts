import assert from "node:assert/strict";
import { it } from "node:test";
import { SwaggerPaths } from "./swagger-paths.ts";

it("operations of v3 become v2's, with what several can be asked said once", () => {
  const schema = { $ref: "#/definitions/Pod" };
  const name = (parameter: string): object => ({
    ...{ name: parameter, in: "query", description: "Nothing." },
    schema: { type: "string", uniqueItems: true },
  });
  const pods = {
    post: {
      tags: ["core"],
      parameters: [name("dryRun"), name("fieldManager")],
      requestBody: {
        content: { "application/json": { schema }, "application/yaml": { schema } },
        required: true,
      },
      responses: {
        "200": { description: "OK", content: { "application/json": { schema } } },
        "401": { description: "No" },
      },
      "x-kubernetes-action": "post",
    },
    parameters: [{ name: "name", in: "path", required: true, schema: { type: "string" } }, name("pretty")],
  };
  const all = new SwaggerPaths();
  const item = all.item(pods);
  const [manager, pretty] = [...all.parameters.keys()];
  assert.match(`${manager} ${pretty}`, /^fieldManager-[\w-]{8} pretty-[\w-]{8}$/);
  assert.deepEqual(item, {
    post: {
      tags: ["core"],
      "x-kubernetes-action": "post",
      consumes: ["application/json", "application/yaml"],
      produces: ["application/json"],
      schemes: ["https"],
      parameters: [
        { name: "body", in: "body", required: true, schema },
        { name: "dryRun", in: "query", description: "Nothing.", type: "string", uniqueItems: true },
        { $ref: `#/parameters/${manager}` },
      ],
      responses: { "200": { description: "OK", schema }, "401": { description: "No" } },
    },
    parameters: [
      { name: "name", in: "path", required: true, type: "string" },
      { $ref: `#/parameters/${pretty}` },
    ],
  });
});
