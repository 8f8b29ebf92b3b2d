/** A chart as they are in the wild: a kind of its own, hooks of every point with weights and policies, a test. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface ChartOptions {
  /** The group of its own kind: a definition is everybody's. */
  readonly group: string;
  /** Hooks that run a program in a machine; all others are objects, which are there at once. */
  readonly programs: readonly HookName[];
}

export type HookName =
  | "before"
  | "after"
  | "migrate"
  | "migrated"
  | "return"
  | "returned"
  | "farewell"
  | "gone";

interface Hook {
  readonly points: string;
  readonly weight: number;
  readonly policy: string;
}

/** What is deleted `hook-succeeded` is gone when Helm comes back. */
const hooks: Readonly<Record<HookName, Hook>> = {
  before: { points: "pre-install", weight: 5, policy: "before-hook-creation" },
  after: { points: "post-install", weight: 0, policy: "hook-succeeded" },
  migrate: { points: "pre-upgrade", weight: 0, policy: "before-hook-creation,hook-failed" },
  migrated: { points: "post-upgrade", weight: 0, policy: "before-hook-creation" },
  return: { points: "pre-rollback", weight: 0, policy: "before-hook-creation" },
  returned: { points: "post-rollback", weight: 0, policy: "before-hook-creation" },
  farewell: { points: "pre-delete", weight: 0, policy: "before-hook-creation" },
  gone: { points: "post-delete", weight: 0, policy: "before-hook-creation" },
};

const image = "selvedge.internal/hello:1";

/** Writes it; the folder. */
export async function writeChart(folder: string, { group, programs }: ChartOptions): Promise<string> {
  const written = Object.entries(hooks).map(([name, hook]) =>
    programs.includes(name as HookName) ? program(name, hook) : configMap(name, hook),
  );
  const files: Readonly<Record<string, string>> = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\nappVersion: one\n",
    "values.yaml": `word: one\nimage: ${image}\nexitCode: 0\n`,
    "crds/tills.yaml": definition(group),
    "templates/app.yaml": app(group),
    "templates/hooks.yaml": [settings, ...written].join("---\n"),
    "templates/tests/answers.yaml": test,
    "templates/NOTES.txt": "{{ .Release.Name }} says {{ .Values.word }}.\n",
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return folder;
}

function definition(group: string): string {
  return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: tills.${group} }
spec:
  group: ${group}
  scope: Namespaced
  names: { plural: tills, singular: till, kind: Till }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [word]
              properties: { word: { type: string, maxLength: 20 }, drawers: { type: integer, default: 2 } }
`;
}

function app(group: string): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: { name: {{ .Release.Name }} }
data: { word: "{{ .Values.word }}" }
---
apiVersion: ${group}/v1
kind: Till
metadata: { name: {{ .Release.Name }} }
spec: { word: "{{ .Values.word }}" }
---
apiVersion: v1
kind: Service
metadata: { name: {{ .Release.Name }} }
spec: { selector: { app: {{ .Release.Name }} }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: {{ .Release.Name }} }
spec:
  replicas: 1
  selector: { matchLabels: { app: {{ .Release.Name }} } }
  template:
    metadata: { labels: { app: {{ .Release.Name }} } }
    spec: { containers: [{ name: web, image: "{{ .Values.image }}" }] }
`;
}

function head(name: string, { points, weight, policy }: Hook): string {
  return `metadata:
  name: "{{ .Release.Name }}-${name}"
  annotations:
    helm.sh/hook: ${points}
    helm.sh/hook-weight: "${weight}"
    helm.sh/hook-delete-policy: ${policy}
`;
}

/** Weighs least, so that programs at the same point find it. */
const settings = `apiVersion: v1
kind: ConfigMap
${head("settings", { points: "pre-install,pre-upgrade", weight: -5, policy: "before-hook-creation" })}\
data: { word: "{{ .Values.word }}" }
`;

function configMap(name: string, hook: Hook): string {
  return `apiVersion: v1\nkind: ConfigMap\n${head(name, hook)}data: { word: "{{ .Values.word }}" }\n`;
}

function program(name: string, hook: Hook): string {
  return `apiVersion: batch/v1
kind: Job
${head(name, hook)}\
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: ${name}
          image: ${image}
          command: [sh, -c, "echo ${name} of $WORD; exit {{ .Values.exitCode }}"]
          env: [{ name: WORD, valueFrom: { configMapKeyRef: { name: "{{ .Release.Name }}-settings", key: word } } }]
`;
}

const test = `apiVersion: v1
kind: Pod
${head("answers", { points: "test", weight: 0, policy: "before-hook-creation" })}\
spec:
  restartPolicy: Never
  containers: [{ name: test, image: ${image}, command: [sh, -c, "echo it answers {{ .Values.word }}"] }]
`;
