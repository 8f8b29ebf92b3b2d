/**
 * Names, labels and qualified names as Kubernetes allows them. Each check returns what is wrong, in
 * upstream's words.
 */

const labelPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const subdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualifiedPattern = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelValuePattern = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

const labelMax = 63;
const subdomainMax = 253;

function tooLong(limit: number): string {
  return `must be no more than ${limit} characters`;
}

function mismatch(what: string, examples: readonly string[], pattern: RegExp): string {
  const source = pattern.source.replace(/^\^/, "").replace(/\$$/, "");
  const list = examples.map((example) => `'${example}'`).join(",  or ");
  return `${what} (e.g. ${list}, regex used for validation is '${source}')`;
}

/** A DNS label: names of namespaces, containers, ports' hosts. */
export function dnsLabelFaults(name: string): string[] {
  const faults = name.length > labelMax ? [tooLong(labelMax)] : [];
  // A name that is right but for its length and dots.
  if (!labelPattern.test(name) && subdomainPattern.test(name)) faults.push("must not contain dots");
  else if (!labelPattern.test(name)) {
    const what =
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end " +
      "with an alphanumeric character";
    faults.push(mismatch(what, ["my-name", "123-abc"], labelPattern));
  }
  return faults;
}

const label1035Pattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** A DNS label of the older kind, which begins with a letter: names of Services, kinds, versions. */
export function dns1035LabelFaults(name: string): string[] {
  const faults = name.length > labelMax ? [tooLong(labelMax)] : [];
  if (!label1035Pattern.test(name)) {
    const what =
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic " +
      "character, and end with an alphanumeric character";
    faults.push(mismatch(what, ["my-name", "abc-123"], label1035Pattern));
  }
  return faults;
}

/** A DNS subdomain: names of most objects. */
export function dnsSubdomainFaults(name: string): string[] {
  const faults = name.length > subdomainMax ? [tooLong(subdomainMax)] : [];
  if (!subdomainPattern.test(name)) {
    const what =
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start " +
      "and end with an alphanumeric character";
    faults.push(mismatch(what, ["example.com"], subdomainPattern));
  }
  return faults;
}

/** A label key, annotation key or finalizer: `name` or `example.com/name`. */
export function qualifiedNameFaults(key: string): string[] {
  const parts = key.split("/");
  const what =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  if (parts.length > 2) {
    return [
      `a qualified name ${mismatch(what, ["MyName", "my.name", "123-abc"], qualifiedPattern)} with an optional DNS ` +
        "subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ];
  }
  const faults: string[] = [];
  const name = parts.at(-1) ?? "";
  if (parts.length === 2) {
    const prefix = parts[0] ?? "";
    if (prefix === "") faults.push("prefix part must be non-empty");
    else faults.push(...dnsSubdomainFaults(prefix).map((fault) => `prefix part ${fault}`));
  }
  if (name === "") faults.push("name part must be non-empty");
  else if (name.length > labelMax) faults.push(`name part ${tooLong(labelMax)}`);
  if (!qualifiedPattern.test(name)) {
    faults.push(`name part ${mismatch(what, ["MyName", "my.name", "123-abc"], qualifiedPattern)}`);
  }
  return faults;
}

export function labelValueFaults(value: string): string[] {
  const faults = value.length > labelMax ? [tooLong(labelMax)] : [];
  if (!labelValuePattern.test(value)) {
    const what =
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start " +
      "and end with an alphanumeric character";
    faults.push(mismatch(what, ["MyValue", "my_value", "12345"], labelValuePattern));
  }
  return faults;
}
