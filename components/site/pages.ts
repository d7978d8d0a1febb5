/** How the pages look that people see instead of a site, and their language. */
import { z } from "zod";

import * as checks from "./checks.ts";
import { ConfigError } from "./errors.ts";

/** The pages that people see instead of a site: after signing out, without access, during maintenance, … */
export interface PagesSettings {
  /** The organisation's name, at the top of each page. @default none */
  name?: string;
  /**
   * The text of its logo in SVG, up to 8 kB, shown in place of the name; pages are light or dark, as the browser
   * prefers. @default none
   */
  logo?: string;
  /** Color of the line at the top, as `#0b57d0`. @default the text's */
  color?: string;
  /** `en`, `de` or `fr`. @default `en` */
  language?: string;
}

/** The languages of the pages. */
const languages = ["en", "de", "fr"] as const;

/** A language of the pages, as in `lang` of HTML. */
export type Language = (typeof languages)[number];

/** The shape of {@link PagesSettings}. */
export const pagesSchema = z.strictObject(
  {
    name: checks.sentence.exactOptional(),
    logo: checks.svg.exactOptional(),
    color: checks.color.exactOptional(),
    language: z.enum(languages, { error: checks.expected(`one of ${languages.join(", ")}`) }).default("en"),
  },
  { error: checks.expected("how pages look (name, logo, color, language)") },
);

/** A validated {@link PagesSettings}. */
export type Pages = checks.Checked<typeof pagesSchema>;

/** Without a name, in English. */
export const usualPages: Pages = pagesSchema.parse({});

/** @throws ConfigError with everything that is wrong */
export function pagesFrom(settings: PagesSettings = {}): Pages {
  const parsed = pagesSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const at = (path: readonly PropertyKey[]) => ({ where: "", field: path.join(".") });
  throw new ConfigError("pages", checks.problemsOf(pagesSchema, parsed.error, at));
}
