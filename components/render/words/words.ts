/** What the pages say, in one language each. What is passed in is HTML; so is what comes out. */
import type { Language } from "../../site/pages.ts";
import { english } from "./english.ts";
import { french } from "./french.ts";
import { german } from "./german.ts";

/** A link of the page that says this. */
export type Link = (words: string) => string;

/** Who gets into a site, for a sentence. */
export interface Conditions {
  /** Domains of accounts, as in `@example.com`; empty: any. */
  readonly emailDomains: readonly string[];
  readonly byGroup: boolean;
  readonly byRole: boolean;
}

/** A page's title in the browser, its heading, and what stands below. */
export interface Text {
  readonly title: string;
  readonly heading: string;
  readonly paragraphs: readonly string[];
}

/** One language. `domain` is the site's, `contact` whom to ask. */
export interface Words {
  /** Whom to ask, where a site names nobody; within a sentence, as whom one asks. */
  readonly contact: string;
  /** oauth2-proxy's error page. */
  readonly signInFailed: {
    readonly title: string;
    readonly refused: string;
    readonly expired: readonly [heading: string, text: (goOn: Link) => string];
    readonly cancelled: readonly [heading: string, text: (again: Link) => string];
    readonly entraUnavailable: readonly [heading: string, text: (again: Link) => string];
    readonly other: readonly [heading: string, text: (again: Link) => string];
    readonly quote: string;
  };
  /** Below {@link signInFailed}. */
  readonly footer: (domain: string, who: Conditions, signOut: Link, contact: string) => string;
  readonly forbidden: (
    domain: string,
    by: "group" | "role",
    start: Link,
    signOut: Link,
    contact: string,
  ) => Text;
  readonly badRequest: (domain: string, start: Link, contact: string) => Text;
  readonly unavailable: (domain: string, contact: string) => Text;
  readonly blocked: (domain: string, contact: string) => Text;
  readonly expired: (domain: string, start: Link, signOut: Link, contact: string) => Text;
  readonly tooMany: (domain: string, again: Link, contact: string) => Text;
  /** @param message what the site's owner says */
  readonly maintenance: (domain: string, message: string, contact: string) => Text;
  readonly signedOut: (domain: string, signIn: Link) => Text;
  readonly begin: (domain: string, signIn: Link) => Text;
  readonly signedIn: (domain: string, goOn: Link) => Text;
  /** Two steps, for a list. */
  readonly notSaved: (
    domain: string,
    signIn: Link,
  ) => Omit<Text, "paragraphs"> & { readonly text: string; readonly steps: readonly string[] };
}

const byLanguage = { en: english, de: german, fr: french } as const satisfies Record<Language, Words>;

/** What the pages say in a language. */
export function wordsIn(language: Language): Words {
  return byLanguage[language];
}
