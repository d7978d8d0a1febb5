/** What an application behind a site is to this suite: what to install, how it starts, its site, and what is true of it. */
import type { SiteSettings } from "../../components/site/settings.ts";
import type { Package } from "./packages.ts";
import type { Visit } from "./visit.ts";

/** Stands in an application's site for the program that {@link Visit.token} is of. */
export const program = "7e57ab1e-0000-4000-8000-0000000000a1";

/** The group wiki-readers of the lab's tenant, in which ada is. */
export const readers = "7e57ab1e-0000-4000-8000-000000000001";

/** A real program behind a site of its own. */
export interface Application {
  /** The site's name, and the first label of its domain: `jupyterlab` is `jupyterlab.lab.test`. */
  readonly name: string;
  /** As its makers call it, with the version that is tried. */
  readonly title: string;
  /** What is installed before the lab is entered: the program, and its client where that is none of a browser's. */
  readonly packages: Readonly<Record<string, Package>>;
  /** Its site's settings beside name, domain, port, upstream and `emailDomains`. */
  readonly site: Partial<SiteSettings>;
  /** How its `upstream` begins. @default "http" */
  readonly scheme?: "http" | "https" | "grpc";
  /** The command that starts it, to listen on `place.address` and `place.port`. It may write files into `place.folder`. */
  readonly start: (place: Place) => Promise<Command>;
  /** What is true of it behind its site: each a sentence, and what tries it. Tried one after the other. */
  readonly facts: Readonly<Record<string, (visit: Visit) => Promise<void>>>;
}

/** Where an application runs. */
export interface Place {
  readonly address: string;
  readonly port: number;
  /** Its site's origin, as in `https://jupyterlab.lab.test`. */
  readonly origin: string;
  /** Its site's registration in Entra. */
  readonly clientId: string;
  /** The program of the tenant that stands for {@link program}, and asks for tokens with this. */
  readonly robot: { readonly clientId: string; readonly clientSecret: string };
  /** A folder of its own, empty before its first start and kept when it starts again. */
  readonly folder: string;
  /** Where each of its packages lies, by the same key. */
  readonly installed: Readonly<Record<string, string>>;
  /** File with the lab's CA. */
  readonly ca: string;
}

/** A program, its arguments, and variables beside the machine's own. */
export interface Command {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}
