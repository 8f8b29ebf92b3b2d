import assert from "node:assert/strict";
import { it } from "node:test";
import { swaggerPaths } from "./swagger-paths.ts";

it("operations of v3 become v2's", () => {
  const schema = { $ref: "#/components/schemas/Pod" };
  const pods = {
    post: {
      tags: ["core"],
      parameters: [
        {
          name: "dryRun",
          in: "query",
          description: "Nothing.",
          schema: { type: "string", uniqueItems: true },
        },
      ],
      requestBody: { content: { "application/json": { schema }, "application/yaml": { schema } } },
      responses: {
        "200": { description: "OK", content: { "application/json": { schema } } },
        "401": { description: "No" },
      },
    },
    parameters: [{ name: "namespace", in: "path", required: true, schema: { type: "string" } }],
  };
  assert.deepEqual(swaggerPaths({ "/pods": pods }), {
    "/pods": {
      post: {
        tags: ["core"],
        consumes: ["application/json", "application/yaml"],
        produces: ["application/json"],
        parameters: [
          { name: "body", in: "body", required: true, schema },
          { name: "dryRun", in: "query", description: "Nothing.", type: "string", uniqueItems: true },
        ],
        responses: { "200": { description: "OK", schema }, "401": { description: "No" } },
      },
      parameters: [{ name: "namespace", in: "path", required: true, type: "string" }],
    },
  });
});
