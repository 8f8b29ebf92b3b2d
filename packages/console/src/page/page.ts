import type { Clock, Instant, Log, Random } from "@selvedge/base";
import type { Objects } from "@selvedge/client";
import type { TemplateResult } from "lit-html";
import type { Access } from "./api/access.ts";
import type { PageTransport } from "./api/page-transport.ts";
import type { FleetRow } from "./fleet/fleet-rows.ts";
import type { Route } from "./routes.ts";

/** What every view is given. */
export interface Page {
  readonly transport: PageTransport;
  readonly objects: Objects;
  readonly access: Access;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Undefined until it has been listed once. */
  readonly fleet: () => readonly FleetRow[] | undefined;
  /** Something to be shown changed: it is drawn soon, with what changes meanwhile. */
  readonly paint: () => void;
  /** Goes somewhere; `isSame` when it is the same place, seen differently. */
  readonly go: (route: Route, isSame?: boolean) => void;
  /** Asks before something is done that cannot be taken back. */
  readonly confirm: (question: Question) => Promise<boolean>;
  readonly tell: (notice: Notice) => void;
}

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What somebody can hold against what is before them: a serial. */
  readonly facts?: readonly (readonly [name: string, value: string])[];
  /** The button that does it. */
  readonly act: string;
  readonly isDangerous?: boolean;
  /** The same on a command line. */
  readonly kubectl: string;
}

export interface Notice {
  readonly tone: "good" | "bad";
  readonly text: string;
}

/** One place of the page. */
export interface View extends AsyncDisposable {
  /** For the window and for who hears the page. */
  readonly title: string;
  draw(now: Instant): TemplateResult;
  /** The same kind of place with other words: a search. False when it needs a view of its own. */
  move?(route: Route): boolean;
  /** The API is back: what was followed is asked for anew. */
  revive(): void;
}
