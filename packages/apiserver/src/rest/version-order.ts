/** v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before anything else, by name. */
export function higherVersion(left: string, right: string): number {
  const keys = (version: string): number[] => {
    const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version);
    if (match === null) return [0, 0, 0];
    const [, major = "0", stage, minor = "0"] = match;
    return [stage === undefined ? 3 : stage === "beta" ? 2 : 1, Number(major), Number(minor)];
  };
  const [a, b] = [keys(left), keys(right)];
  for (const [index, value] of a.entries()) {
    if (value !== b[index]) return (b[index] ?? 0) - value;
  }
  return left === right ? 0 : left < right ? -1 : 1;
}
