/** The first line of every file on a host: sends a reader at night to the right place. */
export function header(renderer: string, what: string): string {
  return `Written by Protected Sites (components/render/${renderer}) for ${what}; edits here are lost.`;
}
