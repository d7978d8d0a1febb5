/** Who got in before and who gets in now, for every part of an imported site: asked of its rendered files. */
import type { SiteSettings } from "../../components/site/settings.ts";
import { environmentFrom } from "../environment.ts";
import { representativeTargets } from "../review/access.ts";
import type { SiteReading } from "../review/gate.ts";
import { isExpression } from "../review/locations.ts";
import type { Gate } from "../review/needs.ts";
import { siteReadings } from "../review/site-readings.ts";
import { pathsOfExpression } from "./open-paths.ts";
import { skippedAuth } from "./path-access.ts";
import { type Part, partFor, type Server } from "./server.ts";
import type { Imported } from "./site-settings.ts";

/** One path, and who gets its content. */
export interface Row {
  readonly target: string;
  readonly before: string;
  readonly now: string;
}

/** The comparison of a site with what it was. */
export interface Verdict {
  /** As the settings are without `maintenance`: it says what removing that does. */
  readonly rows: readonly Row[];
  /** What everybody reaches without signing in, and did not before: nothing, or the import is wrong. */
  readonly opens: readonly string[];
  /** What everybody reached without signing in. */
  readonly closes: readonly string[];
  /** Whether nobody gets in at all for now. */
  readonly isClosed: boolean;
}

const methods = ["GET", "POST", "DELETE"];

/** Compares an imported site with the server that it was. */
export function verdictOf(imported: Imported): Verdict {
  const { settings, server } = imported;
  const reading = readingOf(imported.name, settings);
  const skipped = skippedAuth(imported.source);
  const examples = [...server.parts.flatMap(examplesOf), ...skipped.flatMap(skipExamples)];
  const shown = new Set(["/", ...examples]);
  const targets = [...new Set([...examples, ...representativeTargets([reading])])];
  const asked = targets
    .filter((it) => !isSignIn(server.parts, it))
    .flatMap((target) =>
      methods.map((method) => ({
        target,
        method,
        before: before(server, skipped, target, method),
        now: inWords(reading.gate({ scheme: "https", method, target })),
      })),
    );
  const differences = (from: "before" | "now", to: "before" | "now") => [
    ...new Set(
      asked.filter((it) => it[from] !== everybody && it[to] === everybody).map(({ target }) => target),
    ),
  ];
  return {
    rows: asked.filter(({ method, target }) => method === "GET" && shown.has(target)),
    opens: differences("before", "now"),
    closes: differences("now", "before").filter((it) => shown.has(it)),
    isClosed: settings.maintenance !== undefined,
  };
}

const everybody = "everybody";

/** A site as hosts would get it, without `maintenance`. */
function readingOf(name: string, settings: SiteSettings): SiteReading {
  const { maintenance: _, ...open } = settings;
  const environment = environmentFrom(
    {
      tenantId: "7e57ab1e-0000-4000-8000-000000000000",
      hosts: [
        {
          name: "edge-1",
          address: "10.0.0.11",
          hostKey: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`,
        },
      ],
      sites: { [name]: open },
    },
    "import",
  );
  const [site] = environment.sites;
  if (site === undefined) throw new Error("the environment has no site");
  return siteReadings(environment)(site);
}

/** Paths that a location takes, or would if no other did. */
function examplesOf(part: Part): string[] {
  const { match, modifier, access } = part;
  if (access === "sign-in" || match.startsWith("@")) return [];
  if (isExpression(part)) return pathsOfExpression(match).paths.map(({ path }) => path);
  if (modifier === "=" || match === "/") return [match];
  return match.endsWith("/") ? [match, `${match}anything`] : [match, `${match}/anything`];
}

type Skipped = ReturnType<typeof skippedAuth>[number];

function skipExamples({ pattern }: Skipped): string[] {
  return pathsOfExpression(pattern).paths.map(({ path, match }) =>
    match === "prefix" ? `${path}anything` : path,
  );
}

function isSignIn(parts: readonly Part[], target: string): boolean {
  return partFor({ parts }, target)?.access === "sign-in";
}

function before(server: Server, skipped: readonly Skipped[], target: string, method: string): string {
  const part = partFor(server, target);
  if (part === undefined) return "nobody";
  const { access, restrictions } = part;
  if (access === "nobody") return "nobody";
  if (access === "nginx") return "Nginx answered";
  const isSkipped = skipped.some(
    ({ pattern, methods: open, problem }) =>
      problem === undefined && open.includes(method) && new RegExp(pattern).test(target),
  );
  if (access === "open" || isSkipped) return restrictions.length === 0 ? everybody : "restricted otherwise";
  return "signed in";
}

function inWords({ to, needs }: Gate): string {
  if (to.kind === "sign-in") return "the sign-in";
  if (to.kind === "answer") return `Nginx answers ${to.status}`;
  if (needs === undefined) return everybody;
  const groups = needs.groups.length === 0 ? "" : " and in a group";
  return `signed in${groups}`;
}
