/** Prints systemd unit files. Knows systemd's syntax and nothing about sites. */

/** A section: its name and its settings, in order; a setting may be given several times. */
export interface Section {
  readonly section: string;
  readonly settings: readonly (readonly [key: string, value: string | number])[];
}

/** The text of a unit file. `%` is systemd's own; it is kept, so write `%%` for a literal one. */
export function printUnit(header: string, sections: readonly Section[]): string {
  return [
    `# ${header}\n`,
    ...sections.map(
      ({ section, settings }) =>
        `\n[${section}]\n${settings.map(([key, value]) => `${key}=${oneLine(String(value))}\n`).join("")}`,
    ),
  ].join("");
}

function oneLine(value: string): string {
  // A backslash at the end of a line would swallow the next setting.
  if (/[\u0000-\u001f\u007f]|\\$/.test(value)) {
    throw new Error(`systemd setting ${JSON.stringify(value)} contains a control character or ends in "\\"`);
  }
  return value;
}
