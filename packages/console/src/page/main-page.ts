/** The page as a program: gets its session, then is the page until the window is closed. */
import { describeError, formatRecord, Log, SystemClock, SystemRandom } from "@selvedge/base";
import { html, render } from "lit-html";
import { openSession } from "./api/session.ts";
import { App } from "./app.ts";

const clock = new SystemClock();
const log = new Log("page", clock, (record) => console.warn(formatRecord(record)));

function say(title: string, text: string): void {
  render(html`<main class="alone"><h1>${title}</h1><p>${text}</p></main>`, document.body);
}

document.body.replaceChildren();
try {
  const key = await openSession(location, localStorage);
  if (key === undefined) {
    say(
      "This page is locked",
      "Open the address that ./selvedge console printed last: it works once, in one browser.",
    );
  } else new App({ key, clock, random: new SystemRandom(), log }).start();
} catch (error) {
  say("The console does not answer", `Is ./selvedge console still running? ${describeError(error)}`);
}
