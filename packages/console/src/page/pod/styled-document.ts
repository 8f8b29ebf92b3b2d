/**
 * The document as xterm sees it. It styles itself by style elements and style attributes, which the page's
 * Content-Security-Policy refuses: an element needs the page's nonce, and an attribute has to be set as a
 * property.
 */
export function styledDocument(document: Document): Document {
  const nonce = document.querySelector<HTMLLinkElement>("link[nonce]")?.nonce ?? "";
  const createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const element = document.createElement(name, options);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    else element.setAttribute = (attribute, value) => setAttribute(element, attribute, value);
    return element;
  };
  return new Proxy(document, {
    get(target, key) {
      if (key === "createElement") return createElement;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function setAttribute(element: HTMLElement, name: string, value: string): void {
  if (name === "style") element.style.cssText = value;
  else Element.prototype.setAttribute.call(element, name, value);
}
