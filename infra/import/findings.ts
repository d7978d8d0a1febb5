/** What an import could not carry over, and what that does. */

/**
 * `blocks`: somebody or something was kept out, and the import cannot say so in the site's settings, or cannot be certain:
 * the whole site stays closed. `closes`: something that was open or possible is not any more. `differs`: it is another
 * now, or has to be done by hand.
 */
export type Effect = "blocks" | "closes" | "differs";

/** One thing that was not carried over, and why. */
export interface Finding {
  readonly effect: Effect;
  /** In the words of the file that was read, for example `nginx.conf line 12`. */
  readonly where: string;
  readonly what: string;
}

export const blocks = (where: string, what: string): Finding => ({ effect: "blocks", where, what });
export const closes = (where: string, what: string): Finding => ({ effect: "closes", where, what });
export const differs = (where: string, what: string): Finding => ({ effect: "differs", where, what });
