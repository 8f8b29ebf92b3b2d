/**
 * xterm styles itself by style elements and style attributes, which the page's Content-Security-Policy
 * refuses: an element needs the page's nonce, and an attribute has to be set as a property. From here on the
 * document makes its elements so. Nothing is allowed by it that the page's own code could not do anyway.
 */
export function makeStyledElements(document: Document): void {
  const nonce = document.querySelector<HTMLLinkElement>("link[nonce]")?.nonce ?? "";
  const make = Document.prototype.createElement;
  document.createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const element = make.call(document, name, options);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    if (element instanceof HTMLSpanElement) {
      element.setAttribute = (attribute, value) => setAttribute(element, attribute, value);
    }
    return element;
  };
}

function setAttribute(element: HTMLElement, name: string, value: string): void {
  if (name === "style") element.style.cssText = value;
  else Element.prototype.setAttribute.call(element, name, value);
}
