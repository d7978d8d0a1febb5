/** `npm run history`: what was done on the hosts of an environment, by whom and why. Changes nothing. */
import { columns, printable } from "../columns.ts";
import { type Entry, type History, historyIn, hostHistorySchema } from "../history.ts";
import { logCommand } from "./ask-logs.ts";
import { asJson } from "./command.ts";

export const command = () =>
  logCommand({
    ...{ name: "history", since: "30d", schema: hostHistorySchema, reportOf: historyIn, asText },
    asJson: (report) => asJson("history", report),
  });

function asText({ entries, gaps }: History): string {
  const rows = entries.map((it) => [
    ...[it.when, it.host, it.action, it.site ?? it.user ?? "", doneBy(it)],
    ...[it.ok ? "done" : "FAILED", whyOf(it)],
  ]);
  const head = ["when", "host", "action", "what", "by", "", "why, or what the host said"];
  return [rows.length === 0 ? "Nothing." : columns(head, rows), ...gaps.map(printable)].join("\n");
}

/** Why, and what the host said where that says more. */
function whyOf({ ok, why, verdict }: Entry): string {
  const [first = "", second = ""] = verdict.split("\n");
  const said = ok ? first : `${first} ${second.trim()}`;
  return why === undefined ? said : ok ? why : `${why} ${said}`;
}

function doneBy({ who, by, commit, dirty }: Entry): string {
  const from = commit === undefined ? "" : ` (${commit.slice(0, 12)}${dirty ? " + changes" : ""})`;
  return `${who ?? by ?? ""}${from}`;
}
