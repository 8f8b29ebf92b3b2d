import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../test/manual-clock.ts";
import { apiServices } from "./api-services.ts";

test("what is served is listed once a group and version, and is available", () => {
  const served = [
    { group: "", version: "v1" },
    { group: "apps", version: "v1" },
    { group: "apps", version: "v1" },
    { group: "acme.example", version: "v1beta1" },
    { group: "autoscaling", version: "v2" },
  ];
  const { list, get } = apiServices(
    () => served,
    new ManualClock(),
    () => () => undefined,
  );
  assert.deepEqual(
    list(undefined).map(({ metadata }) => metadata.name),
    [
      ...["v1.", "v1.apiregistration.k8s.io", "v1.apps", "v1.authentication.k8s.io"],
      ...["v1.authorization.k8s.io", "v1beta1.acme.example", "v2.autoscaling"],
    ],
  );
  assert.deepEqual(get("v1.", undefined)?.["spec"], {
    ...{ version: "v1", groupPriorityMinimum: 18_000, versionPriority: 15 },
  });
  assert.deepEqual(get("v2.autoscaling", undefined)?.["spec"], {
    ...{ group: "autoscaling", version: "v2", groupPriorityMinimum: 17_500, versionPriority: 30 },
  });
  const own = get("v1beta1.acme.example", undefined);
  assert.ok(own !== undefined);
  assert.deepEqual(own["spec"], {
    ...{ group: "acme.example", version: "v1beta1", groupPriorityMinimum: 1_000, versionPriority: 100 },
  });
  const { conditions } = own["status"] as { conditions: { status: string }[] };
  assert.equal(conditions[0]?.status, "True");
  assert.equal(get("v1.batch", undefined), undefined);
});
