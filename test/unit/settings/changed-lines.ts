/** What differs between two texts, in a form that stays the same where lines elsewhere move. */
import { structuredPatch } from "diff";

/** The lines that go (`-`) and come (`+`), each below the lines that it stands in, by their indentation. */
export function changedLines(before: string, after: string): string[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  let shown: string[] = [];
  return structuredPatch("", "", before, after, "", "", { context: 0 }).hunks.flatMap((hunk) => {
    const [text, line] = hunk.newLines === 0 ? [old, hunk.oldStart - 1] : [now, hunk.newStart - 1];
    const around = linesAround(text, line);
    const fresh = around.filter(
      (_, index) => around.slice(0, index + 1).join() !== shown.slice(0, index + 1).join(),
    );
    shown = around;
    return [
      ...fresh.map((it) => `  ${it}`),
      ...hunk.lines
        .filter((it) => !it.startsWith("\\"))
        .map((it) => `${it.slice(0, 1)} ${it.slice(1)}`.trimEnd()),
    ];
  });
}

/** The lines in which a line stands, from the outside: each is indented less than what is in it. */
function linesAround(text: readonly string[], line: number): string[] {
  const around: string[] = [];
  let depth = depthOf(text[line] ?? "");
  for (let above = line - 1; above >= 0 && depth > 0; above -= 1) {
    const it = text[above] ?? "";
    if (it.trim() === "" || depthOf(it) >= depth) continue;
    depth = depthOf(it);
    around.unshift(it);
  }
  return around;
}

function depthOf(line: string): number {
  return line.length - line.trimStart().length;
}
