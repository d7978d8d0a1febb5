/** Columns side by side, for a terminal or a pipe. */
import Table from "cli-table3";

/** A text of somebody else's, without what would command a terminal or show it in another order. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

/** @returns the lines, {@link printable}, without borders, colours and blanks at their ends */
export function columns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    chars: {
      ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
      ...{ bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" },
      ...{ left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " },
    },
  });
  table.push(...rows.map((row) => row.map(printable)));
  return table.toString().replaceAll(/ +$/gm, "");
}
