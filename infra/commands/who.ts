/** `npm run who`: who has used which site from where, as the hosts' access logs know it. Changes nothing. */
import { columns, printable } from "../columns.ts";
import { summarySchema, type Who, whoIn } from "../who.ts";
import { logCommand } from "./ask-logs.ts";
import { asJson } from "./command.ts";

export const command = () =>
  logCommand({
    ...{ name: "who", since: "24h", schema: summarySchema, reportOf: whoIn, asText },
    asJson: (report) => asJson("who", report),
  });

/** What no log of a request knows. */
const unknowable = [
  "A request is in the log once it has ended: somebody who only has a WebSocket open, or a session but asks for nothing, is not above.",
  "Open paths, sign-ins, and requests refused before anybody is named have no name. An address may be that of a load balancer or a NAT. Times are the hosts'.",
];

function asText({ uses, unnamed, gaps }: Who): string {
  const rows = uses.map((it) => [
    ...[it.user, it.site, it.client === "" ? "(further addresses)" : it.client, it.first, it.last],
    ...[it.requests, it.refused, it.refusedByBackend].map(String),
  ]);
  const head = ["user", "site", "from", "since", "last", "requests", "refused", "by the backend"];
  return [
    rows.length === 0 ? "Nobody." : columns(head, rows),
    "",
    ...unnamed
      .filter(({ requests }) => requests > 0)
      .map(
        ({ site, requests, refused, refusedByBackend }) =>
          `${printable(site)}: ${requests} requests without a name, ${refused + refusedByBackend} of them refused`,
      ),
    ...gaps.map(printable),
    ...unknowable,
  ].join("\n");
}
