/** Ports, devices and certificates of a box, as it reports them. */
import type { Instant } from "@selvedge/base";
import type { CertificateStatus, DeviceStatus, PortStatus } from "@selvedge/kinds";
import { html, nothing } from "lit-html";
import { badge, type Part } from "../ui/parts.ts";
import { spaced } from "../words.ts";

export function portTable(ports: readonly PortStatus[]): Part {
  return html`<table>
    <thead>
      <tr>
        <th scope="col">Port</th>
        <th scope="col">Is</th>
        <th scope="col">Addresses</th>
        <th scope="col" class="wide">Card</th>
      </tr>
    </thead>
    <tbody>
      ${ports.map(
        (port) => html`<tr>
          <th scope="row">${port.name} ${port.uplink ? html`<span class="sub">uplink</span>` : nothing}</th>
          <td>
            ${port.up ? badge("good", "Connected") : badge(port.error ? "bad" : "idle", "Not connected")}
            ${portNotes(port).map((note) => html`<span class="sub">${note}</span>`)}
          </td>
          <td>${(port.addresses ?? []).map((address) => html`<span class="line">${address}</span>`)}</td>
          <td class="wide">${port.interface ?? ""} <span class="sub">${port.mac ?? ""}</span></td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

function portNotes({ error, bond, authentication, cellular }: PortStatus): string[] {
  const cards = (bond?.cards ?? []).map(({ name, up }) => `${name} ${up ? "up" : "down"}`);
  const notes = [
    error,
    bond && ["bond", bond.mode, ...cards].filter((text) => text).join(", "),
    authentication &&
      [`802.1X: ${spaced(authentication.state).toLowerCase()}`, authentication.error]
        .filter((text) => text)
        .join(": "),
    cellular &&
      [cellular.provider, ...(cellular.technologies ?? []), cellular.error].filter((text) => text).join(", "),
  ];
  return notes.filter((text): text is string => text !== undefined && text !== "");
}

export function deviceTable(devices: readonly DeviceStatus[]): Part {
  return html`<table>
    <thead>
      <tr><th scope="col">Group</th><th scope="col">Is</th><th scope="col">Parts</th></tr>
    </thead>
    <tbody>
      ${devices.map(
        ({ group, members = [], app, error }) => html`<tr>
          <th scope="row">${group}</th>
          <td>
            ${error ? badge("bad", "Cannot be had") : app ? badge("good", "Lent to an app") : badge("idle", "Free")}
            ${error ? html`<span class="sub">${error}</span>` : nothing}
          </td>
          <td>${members.join(", ")}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

/** Reached in so short a time that somebody should know. */
const soon = 14 * 24 * 3_600_000;

export function certificateTable(certificates: readonly CertificateStatus[], now: Instant): Part {
  return html`<table>
    <thead>
      <tr><th scope="col">Profile</th><th scope="col">Is</th><th scope="col">Whose</th><th scope="col">Until</th></tr>
    </thead>
    <tbody>
      ${certificates.map(
        ({ scepProfile, state, subject, issuer, expires, error }) => html`<tr>
          <th scope="row">${scepProfile}</th>
          <td>
            ${badge(error ? "bad" : state === "Available" ? "good" : "busy", spaced(state))}
            ${error ? html`<span class="sub">${error}</span>` : nothing}
          </td>
          <td>${subject ?? ""} <span class="sub">${issuer ?? ""}</span></td>
          <td class="nowrap">${untilText(expires, now)}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

function untilText(expires: string | undefined, now: Instant): Part {
  if (expires === undefined) return "";
  const left = Date.parse(expires) - now;
  if (left < 0) return badge("bad", "Over");
  const day = new Date(expires).toLocaleDateString();
  return left < soon ? badge("busy", day) : html`<time datetime=${expires}>${day}</time>`;
}
