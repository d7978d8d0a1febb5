/** What `pulumi preview --diff` prints, without what differs from run to run. */
import { unbundle } from "../../components/host/bundle.ts";

/** What a text may hold that only this run has, and what stands for it. */
export interface RunFacts {
  /** Texts of this lab alone, and their names. */
  readonly names: Readonly<Record<string, string>>;
  /** Whole texts that have files of their own to be read in, and what they are called. */
  readonly texts: readonly (readonly [text: string, name: string])[];
}

/**
 * The text of a preview, fit for a golden file: one block for each resource, in the order of their names; without
 * generated IDs; whole bundles of files by their names; what is said of a host as of the one before it, once.
 */
export function previewText(printed: string, facts: RunFacts): string {
  // The mark of a repair, in `update`, is there after a test that has made one.
  const lines = printed
    .split("\n")
    .filter((line) => !/^\s*\[(?:id|provider)=|^@ |^ *(?:~ )?update *: /.test(line));
  const start = lines.findIndex((line) => heading.test(line));
  const end = lines.findIndex((line) => line.startsWith("Resources:"));
  const blocks: string[][] = [];
  for (const line of start < 0 ? [] : lines.slice(start, end)) {
    if (heading.test(line)) blocks.push([]);
    blocks.at(-1)?.push(line);
  }
  const named = blocks
    .map((block) => ({
      name: nameOf(block),
      text: withNames(
        block.filter((line) => !isUrn(line)),
        facts,
      ),
    }))
    .sort((one, other) => `${one.name} ${one.text}`.localeCompare(`${other.name} ${other.text}`, "en"));
  const seen = new Map<string, string>();
  const shown = named.map(({ name, text }) => {
    const key = `${name}\n${text}`.replaceAll(/edge-\d/g, "edge-N");
    const first = seen.get(key);
    seen.set(key, first ?? name);
    const [head = "", ...rest] = text.split("\n");
    return [
      head.replace(/: \(/, ` ${name}: (`),
      ...(first === undefined ? rest : [`    (as ${first})`]),
    ].join("\n");
  });
  return `${[...shown, ...lines.slice(end)].join("\n").trimEnd()}\n`;
}

/** The line with which a resource begins, the stack's own aside. */
const heading = /^ *(?:(?:\+|-|~|\+-|\+\+|--) ?[\w:/-]+: \([\w-]+\)|--outputs:--)$/;

const isUrn = (line: string) => line.trim().startsWith("[urn=");

function nameOf(block: readonly string[]): string {
  return /::([^:]+)\]$/.exec(block.find(isUrn) ?? "")?.[1] ?? "";
}

function withNames(block: readonly string[], { names, texts }: RunFacts): string {
  const dedent = /^ */.exec(block[0] ?? "")?.[0].length ?? 0;
  let text = block.map((line) => line.slice(dedent)).join("\n");
  for (const [whole, name] of texts) text = text.replaceAll(JSON.stringify(whole), `<${name}>`);
  text = text.replaceAll(/"protected-sites bundle 1\\n(?:[^"\\]|\\.)*"/g, (quoted) => {
    const files = unbundle(JSON.parse(quoted) as string);
    return `<${files.map(({ name }) => name).join(", ")}>`;
  });
  for (const [value, name] of Object.entries(names)) text = text.replaceAll(value, `<${name}>`);
  return (
    text
      .replaceAll(/\b(?!7e57ab1e|00000000)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "<guid>")
      .replaceAll(/\b[0-9a-f]{64}\b/g, "<sha256>")
      .replaceAll(/ssh-ed25519 [\w+/]+/g, "ssh-ed25519 <key>")
      // How far values are indented depends on names that are not shown.
      .replaceAll(/^( *(?:[-+~] )?[\w.-]+) +: /gm, "$1: ")
      .replaceAll(/ +$/gm, "")
  );
}
