import { html, render } from "lit-html";
import type { Question } from "../page.ts";

/** Asks in a dialog of the browser's own, which keeps the focus and gives it back. */
export function ask({ title, text, facts = [], act, isDangerous, kubectl }: Question): Promise<boolean> {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "question");
  const close = (answer: string) => (): void => dialog.close(answer);
  render(
    html`<h2 id="question">${title}</h2>
      <p>${text}</p>
      ${
        facts.length === 0
          ? ""
          : html`<dl class="facts">
            ${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
          </dl>`
      }
      <p class="quiet">On a command line:</p>
      <pre class="command" tabindex="0">${kubectl}</pre>
      <div class="buttons">
        <button type="button" class="plain" autofocus @click=${close("")}>Cancel</button>
        <button type="button" class=${isDangerous ? "danger" : "primary"} @click=${close("yes")}>${act}</button>
      </div>`,
    dialog,
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
