/** Links of a page that was reached through the proxy: what leads to its server's root leads there by the proxy. */

/** Where HTML has addresses, by element. */
const attributes: Readonly<Record<string, readonly string[]>> = {
  ...{ a: ["href"], area: ["href"], base: ["href"], link: ["href"] },
  ...{ audio: ["src"], embed: ["src"], iframe: ["src"], img: ["src"], input: ["src"], script: ["src"] },
  ...{ source: ["src"], track: ["src"], video: ["src", "poster"], frame: ["src"] },
  ...{ form: ["action"], button: ["formaction"], object: ["data"], blockquote: ["cite"], q: ["cite"] },
};
const tag = /<([a-z]+)((?:\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))?)*\s*\/?)>/gi;
const attribute = /(\s)([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'<>]+)/g;

/** `prefix`: the path of the proxy, without a slash at its end. */
export function withLinksBelow(page: string, prefix: string): string {
  return page.replaceAll(tag, (whole, element: string, said: string) => {
    const led = attributes[element.toLowerCase()];
    if (led === undefined) return whole;
    const changed = said.replaceAll(
      attribute,
      (pair, space: string, name: string, is: string, value: string) => {
        if (!led.includes(name.toLowerCase())) return pair;
        const quote = /^["']/.exec(value)?.[0] ?? "";
        const address = quote === "" ? value : value.slice(1, -1);
        return `${space}${name}${is}${quote}${below(address, prefix)}${quote}`;
      },
    );
    return `<${element}${changed}>`;
  });
}

/** Addresses elsewhere, and those that are relative already, stay. */
export function below(address: string, prefix: string): string {
  const isRooted = address.startsWith("/") && !address.startsWith("//");
  return isRooted && !address.startsWith(`${prefix}/`) ? `${prefix}${address}` : address;
}
