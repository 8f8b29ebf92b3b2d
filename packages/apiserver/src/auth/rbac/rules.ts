/** What one rule of a role allows, and when some rules allow all that others do. Pure. */
export interface PolicyRule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  /** None: all names. */
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** What is asked of a rule. */
export interface Asked {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
}

const all = "*";
const none: readonly string[] = [];

function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(value) || list.includes(all));
}

export function allowsResource(
  rule: PolicyRule,
  { verb, group, resource, subresource = "", name = "" }: Asked,
): boolean {
  return (
    has(rule.verbs, verb) &&
    has(rule.apiGroups, group) &&
    namesResource(rule, resource, subresource) &&
    namesObject(rule, name)
  );
}

/** `pods/log` is said in full or as `*` followed by `/log`; `pods` alone is not enough. */
function namesResource({ resources = none }: PolicyRule, resource: string, subresource: string): boolean {
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  return has(resources, whole) || (subresource !== "" && resources.includes(`${all}/${subresource}`));
}

function namesObject({ resourceNames = none }: PolicyRule, name: string): boolean {
  return resourceNames.length === 0 || resourceNames.includes(name);
}

export function allowsPath(rule: PolicyRule, verb: string, path: string): boolean {
  return has(rule.verbs, verb) && (rule.nonResourceURLs ?? none).some((url) => coversUrl(url, path));
}

/** `/healthz/*` covers what begins with `/healthz/`. */
function coversUrl(url: string, path: string): boolean {
  if (url === all || url === path) return true;
  return url.endsWith(all) && path.startsWith(url.replace(/\*+$/, ""));
}

/** What `wanted` allows and `owned` does not: nobody may give away what they do not have. */
export function notCovered(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(atoms).filter((atom) => !owned.some((rule) => covers(rule, atom)));
}

/** The rule as rules of one verb and one resource, name or path each. */
function atoms(rule: PolicyRule): PolicyRule[] {
  const { verbs = none, apiGroups = none, resources = none, resourceNames = none } = rule;
  const made: PolicyRule[] = [];
  for (const verb of verbs) {
    for (const url of rule.nonResourceURLs ?? none) made.push({ verbs: [verb], nonResourceURLs: [url] });
    for (const group of apiGroups) {
      for (const resource of resources) {
        const atom = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (resourceNames.length === 0) made.push(atom);
        for (const name of resourceNames) made.push({ ...atom, resourceNames: [name] });
      }
    }
  }
  return made;
}

function covers(rule: PolicyRule, atom: PolicyRule): boolean {
  const [verb = ""] = atom.verbs ?? none;
  if (!has(rule.verbs, verb)) return false;
  const [url] = atom.nonResourceURLs ?? none;
  if (url !== undefined) return (rule.nonResourceURLs ?? none).some((one) => coversUrl(one, url));
  const [group = ""] = atom.apiGroups ?? none;
  const [resource = ""] = atom.resources ?? none;
  const [name] = atom.resourceNames ?? none;
  const slash = resource.indexOf("/");
  const [main, sub] = slash < 0 ? [resource, ""] : [resource.slice(0, slash), resource.slice(slash + 1)];
  const names = rule.resourceNames ?? none;
  return (
    has(rule.apiGroups, group) &&
    namesResource(rule, main, sub) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}

/** Rules for one resource each, which say the same but for their verbs, put together. */
export function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const simple = new Map<string, PolicyRule>();
  const others: PolicyRule[] = [];
  for (const rule of rules) {
    const { apiGroups = none, resources = none, resourceNames = none, nonResourceURLs = none } = rule;
    const isSimple =
      apiGroups.length === 1 &&
      resources.length === 1 &&
      resourceNames.length <= 1 &&
      nonResourceURLs.length === 0;
    if (!isSimple) {
      others.push(rule);
      continue;
    }
    const key = JSON.stringify([apiGroups[0], resources[0], resourceNames[0] ?? null]);
    const known = simple.get(key);
    const verbs = [...new Set([...(known?.verbs ?? none), ...(rule.verbs ?? none)])];
    simple.set(key, { ...rule, verbs });
  }
  return [...simple.values(), ...others];
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`, as upstream prints a rule. */
export function describeRule(rule: PolicyRule): string {
  const rows: readonly [name: string, list: readonly string[] | undefined][] = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ];
  const parts = rows.flatMap(([name, list = none]) => (list.length > 0 ? [`${name}:${quoted(list)}`] : []));
  return `{${parts.join(", ")}}`;
}

/** `["a" "b"]`, as Go prints texts. */
export function quoted(list: readonly string[]): string {
  return `[${list.map((text) => JSON.stringify(text)).join(" ")}]`;
}
