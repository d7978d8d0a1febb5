/** Draws the sequence diagrams of the pages, which GitHub draws from the same text: Mermaid, in the few forms in use. */

const columnWidth = 150;
const rowHeight = 34;
const top = 70;

interface Participant {
  readonly id: string;
  readonly name: string;
  readonly x: number;
}

/**
 * @param text lines of `participant B as Browser`, `B->>N: request` and `N-->>B: response`, after `sequenceDiagram`
 * @returns an SVG in the colours of the text around it, without empty lines, as HTML in Markdown has to be
 * @throws Error for a line in any other form
 */
export function sequenceDiagram(text: string): string {
  const [kind, ...lines] = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (kind !== "sequenceDiagram") throw new Error(`expected a sequenceDiagram, got "${kind ?? ""}"`);
  const participants: Participant[] = [];
  const messages: string[] = [];
  const by = (id: string): Participant => {
    const found = participants.find((it) => it.id === id);
    if (found === undefined) throw new Error(`sequenceDiagram: "${id}" is no participant`);
    return found;
  };
  for (const line of lines) {
    const [, id, name] = /^participant (\w+) as (.+)$/.exec(line) ?? [];
    const [, from, arrow, to, words] = /^(\w+)(-{1,2})>>(\w+): (.+)$/.exec(line) ?? [];
    if (id !== undefined && name !== undefined)
      participants.push({ id, name, x: columnWidth * (participants.length + 0.5) });
    else if (from !== undefined && to !== undefined && words !== undefined)
      messages.push(message(by(from).x, by(to).x, messages.length, words, arrow === "--"));
    else throw new Error(`sequenceDiagram: cannot draw "${line}"`);
  }
  const bottom = top + messages.length * rowHeight + 12;
  const width = columnWidth * participants.length;
  return [
    `<svg viewBox="0 0 ${width} ${bottom}" role="img" aria-label="How a request flows" font-size="14" fill="currentColor" stroke="none" font-family="inherit">`,
    ...participants.map((it) => lifeline(it, bottom)),
    ...messages,
    "</svg>",
  ].join("\n");
}

function lifeline({ name, x }: Participant, bottom: number): string {
  const half = columnWidth / 2 - 6;
  const words = name.split(" ");
  // In two lines, except for a single word.
  const lines = [words.slice(0, Math.ceil(words.length / 2)), words.slice(Math.ceil(words.length / 2))]
    .filter((it) => it.length > 0)
    .map((it) => it.join(" "));
  return [
    `<line x1="${x}" y1="50" x2="${x}" y2="${bottom}" stroke="currentColor" stroke-opacity="0.3"/>`,
    `<rect x="${x - half}" y="4" width="${half * 2}" height="46" rx="6" fill="none" stroke="currentColor" stroke-opacity="0.5"/>`,
    ...lines.map(
      (line, index) =>
        `<text x="${x}" y="${(lines.length === 1 ? 32 : 23) + index * 18}" text-anchor="middle" font-weight="600">${escaped(line)}</text>`,
    ),
  ].join("\n");
}

function message(from: number, to: number, row: number, words: string, isResponse: boolean): string {
  const y = top + row * rowHeight + 14;
  const towards = Math.sign(to - from);
  const tip = `${to - towards * 8},${y - 4} ${to},${y} ${to - towards * 8},${y + 4}`;
  return [
    `<text x="${(from + to) / 2}" y="${y - 6}" text-anchor="middle">${escaped(words)}</text>`,
    `<line x1="${from}" y1="${y}" x2="${to}" y2="${y}" stroke="currentColor"${isResponse ? ' stroke-dasharray="5 4"' : ""}/>`,
    `<polygon points="${tip}"/>`,
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
