import type { KubeConnection } from "../kube.ts";

/** Admits the nodes of this machine without a human. */
export async function enrollmentProfile(
  connection: KubeConnection,
  onboardingCertificate: string,
): Promise<void> {
  const path = "/apis/selvedge.dev/v1alpha1/enrollmentprofiles/local?fieldManager=selvedge-up&force=true";
  const profile = {
    apiVersion: "selvedge.dev/v1alpha1",
    kind: "EnrollmentProfile",
    metadata: { name: "local" },
    spec: {
      onboardingCertificate,
      serials: ["node-*"],
      approve: "Automatic",
      nodeName: "{serial}",
      labels: { "selvedge.dev/site": "local" },
    },
  };
  const answer = await connection.send(
    "PATCH",
    path,
    JSON.stringify(profile),
    "application/apply-patch+yaml",
  );
  if (answer.status >= 300) throw new Error(`the controller refused the enrollment profile: ${answer.body}`);
}

/** Undefined until the node is there and says it is Ready. */
export async function isNodeReady(connection: KubeConnection, name: string): Promise<true | undefined> {
  const answer = await connection.send("GET", `/api/v1/nodes/${name}`);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw new Error(`the controller answers ${answer.status}: ${answer.body}`);
  const { status } = JSON.parse(answer.body) as {
    status?: { conditions?: { type: string; status: string }[] };
  };
  const ready = status?.conditions?.some(
    (condition) => condition.type === "Ready" && condition.status === "True",
  );
  return ready ? true : undefined;
}
