/** What the pages of the docs site show: made by the program's own code, from the examples in `stacks/`. */
import { createHash } from "node:crypto";

import { programVersion } from "../components/host/program.ts";
import { accessMatrixOf } from "../infra/access-matrix.ts";
import { asMarkdown as matrixAsMarkdown } from "../infra/access-matrix-formats.ts";
import { review } from "../infra/commands/review.ts";
import { tableOf } from "../infra/commands/status.ts";
import { compare } from "../infra/drift.ts";
import type { Environment } from "../infra/environment.ts";
import type { Report, SiteReport } from "../infra/report.ts";
import { asMarkdown } from "../infra/review/formats.ts";
import { renderedEnvironment } from "../infra/review/rendering.ts";
import { environmentOf, parseStackFile, readStackFile, type StackFile } from "../infra/stack-file.ts";
import { type Pictures, requestFlow } from "./pages.ts";
import { peoplesPages } from "./people-pages.ts";

/** The example that the pictures show, and the day on which they show it. */
const example = "small-office";
const now = new Date("2026-12-01T09:00:00Z");

/** All pictures. Those of pages in a browser need Debian's Chromium; without it, the page says so in their place. */
export async function pictures(): Promise<Pictures> {
  const { text } = readStackFile(example);
  const people = await peoplesPages(environmentOf(parseStackFile(example, withEveryPage(text))));
  return {
    inPages: new Map([
      ["request-flow", requestFlow()],
      ["review", reviewComment(text)],
      ["status", status(environmentOf(readStackFile(example)))],
      [
        "matrix",
        "An example, made by the command itself: [the matrix of a company with 20 sites](example-matrix.md).",
      ],
      ["people", people.text],
    ]),
    ofTheirOwn: [{ path: "example-matrix.md", below: "access-matrix.md", text: matrix("company") }],
    images: people.images,
  };
}

/** @throws Error if the text does not contain what is to be replaced */
function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`stacks/Pulumi.${example}.yaml: expected to contain "${from}"`);
  return text.replace(from, () => to);
}

/** What the review says of a pull request that opens a path, and a site to another company. */
function reviewComment(text: string): string {
  const upstream = "upstream: http://127.0.0.1:3000\n";
  const opened = replaced(
    text,
    upstream,
    `${upstream}      open: [{ path: /health, why: The monitoring asks without an account. }]\n`,
  );
  const last = text.lastIndexOf("emailDomains: [office.example.com]");
  const changed = `${opened.slice(0, last + opened.length - text.length)}${replaced(
    text.slice(last),
    "[office.example.com]",
    "[office.example.com, partner.example.com]",
  )}`;
  const side = (name: string, file: StackFile) => ({
    name,
    stacks: { [example]: { text: file.text, problems: [], ...renderedEnvironment(environmentOf(file)) } },
  });
  const made = review(
    side("main", parseStackFile(example, text)),
    side("this pull request", parseStackFile(example, changed)),
    now,
  );
  const comment = asMarkdown(made, "the artifact of the run").replace(/^<!--.*?-->\n/, "");
  return `<div class="comment">\n\n${comment}\n</div>`;
}

/** What `npm run status` prints when somebody has edited a file of one site on the host, and a certificate ends soon. */
function status(environment: Environment): string {
  const rows = environment.hosts.flatMap(({ name }) =>
    compare(environment, name, reportOf(environment), { now }),
  );
  return `\`\`\`text\n$ npm run status -- --stack ${example}\n${tableOf(rows)}\n\`\`\``;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** A host that has everything of the environment, but for what {@link status} is to show. */
function reportOf(environment: Environment): Report {
  const { hostFiles = [], siteFiles = {} } = renderedEnvironment(environment);
  const ofHost = (name: string) => sha256(hostFiles.find((it) => it.name === name)?.text ?? "");
  const sites = environment.sites.map((site, index): SiteReport => {
    const files = siteFiles[site.name] ?? [];
    const day = 86_400;
    const ends = now.getTime() / 1000 + (index === 0 ? 62 : 9) * day;
    return {
      domain: site.domain,
      generation: 4 + index,
      generations: [],
      drift: index === 0 ? ["nginx.conf differs"] : [],
      credentialsDrift: [],
      extra: [],
      repair: "",
      credentialsRepair: "",
      files: Object.fromEntries(
        files.map(({ name, link, text }) => [name, sha256(`${link ?? ""}\n${text}`)]),
      ),
      certificateStarts: ends - 90 * day,
      certificateEnds: ends,
    };
  });
  return {
    program: programVersion(),
    sharedNginx: ofHost("protected-sites.conf"),
    blocked: ofHost("blocked.conf"),
    oauth2Proxy: `oauth2-proxy v${environment.oauth2Proxy.version}`,
    nginx: "",
    drift: [],
    extra: [],
    repair: "",
    sites,
  };
}

function matrix(stack: string): string {
  const made = accessMatrixOf(readStackFile(stack))();
  return `# The matrix of an example

What \`npm run matrix -- --stack ${stack} --format markdown\` prints for [an example](source/stacks/Pulumi.${stack}.yaml.md) of this version. How to read it: [access matrix](access-matrix.md#how-to-read-it).

${matrixAsMarkdown(made, "site").replaceAll(/^### /gm, "## ")}`;
}

/** The example with a page for each occasion: rules by path, and a site in maintenance. */
function withEveryPage(text: string): string {
  const upstream = "upstream: http://127.0.0.1:3001\n";
  const maintenance = replaced(
    text,
    upstream,
    `${upstream}      maintenance: We move to a larger disk. Back at noon.\n`,
  );
  const first = "upstream: http://127.0.0.1:3000\n";
  const group = "7e57ab1e-0000-4000-8000-000000000001";
  return replaced(
    maintenance,
    first,
    `${first}      contact: the help desk\n      paths: [{ path: /admin, allowedGroups: [${group}] }]\n`,
  );
}
