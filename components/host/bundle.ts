/** Several files as one readable text, so that a preview shows their changes line by line. */

/** One file: its name in the bundle, its text and, if another program reads it, that path. */
export interface BundleFile {
  readonly name: string;
  readonly link?: string;
  readonly text: string;
}

const mark = "==> ";

/**
 * The text that `protected-sites push` and `protected-sites setup` read. The host rejects the same files.
 * @throws Error if the format does not allow a file: a name that is not plain or a duplicate, a line that looks like a
 *   header, a text without a final line break
 */
export function bundle(files: readonly BundleFile[]): string {
  const names = files.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`bundle: duplicate file ${twice}`);
  return [`protected-sites bundle 1\n`, ...files.map(section), `${mark}end\n`].join("");
}

function section({ name, link, text }: BundleFile): string {
  if (!/^\w[\w.@-]*$/.test(name) || name === "end")
    throw new Error(`bundle: invalid file name ${JSON.stringify(name)}`);
  if (link !== undefined && (!/^(?:\/[\w.@-]+)+$/.test(link) || /\/\.\.?(?:\/|$)/.test(link)))
    throw new Error(`bundle: the path ${JSON.stringify(link)} of ${name} is not a normalized absolute path`);
  if (/[\0\r]/.test(text)) throw new Error(`bundle: ${name} contains a carriage return or a null character`);
  if (!text.endsWith("\n")) throw new Error(`bundle: ${name} does not end with a line break`);
  if (text.split("\n").some((line) => line.startsWith(mark)))
    throw new Error(`bundle: a line of ${name} starts with "${mark}", which separates files`);
  return `${mark}${name}${link === undefined ? "" : ` -> ${link}`}\n${text}`;
}

/** The files of a {@link bundle}; none if the text is not one. */
export function unbundle(text: string): BundleFile[] {
  const [first, ...sections] = text.split(new RegExp(`^${mark}`, "m"));
  if (first !== "protected-sites bundle 1\n") return [];
  return sections.slice(0, -1).map((part) => {
    const [head = "", ...lines] = part.split("\n");
    const [name = "", link] = head.split(" -> ");
    return { name, ...(link === undefined ? {} : { link }), text: lines.join("\n") };
  });
}
