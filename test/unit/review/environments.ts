/** Environments for tests of the review: each test names only what it is about. */
import { environmentFrom } from "../../../infra/environment.ts";
import { renderedEnvironment, type RenderedStack } from "../../../infra/review/rendering.ts";
import { reviewStack, type StackReview } from "../../../infra/review/review.ts";
import { tenantId } from "../../sites.ts";

const hostKey = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;

/** A host by its number. */
export function host(number: number) {
  return { name: `edge-${number}`, address: `10.0.0.${10 + number}`, hostKey };
}

/** A small site by its name. */
export function siteArgs(name: string, port: number, given: object = {}) {
  return {
    domain: `${name}.example.com`,
    port,
    upstream: `http://127.0.0.1:${port - 1000}`,
    emailDomains: ["example.com"],
    ...given,
  };
}

/** Two sites on two hosts, and what the test gives in place of the usual. */
export function settings(given: object = {}): Record<string, unknown> {
  return {
    tenantId,
    hosts: [host(1), host(2)],
    sites: { code: siteArgs("code", 4180), wiki: siteArgs("wiki", 4181, { allowedGroups: [group(1)] }) },
    ...given,
  };
}

/** The usual sites with a changed wiki. */
export function withWiki(given: object): Record<string, unknown> {
  const { sites } = settings() as { sites: { code: object; wiki: object } };
  return settings({ sites: { ...sites, wiki: { ...sites.wiki, ...given } } });
}

/** A group's object ID by its number. */
export function group(number: number): string {
  return `7e57ab1e-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/** One side of a review. */
export function rendered(given: Record<string, unknown>): RenderedStack {
  return {
    text: "",
    problems: [],
    ...renderedEnvironment(environmentFrom(given, "stacks/Pulumi.prod.yaml")),
  };
}

/** The review of a change of the usual environment. @param before null where there was none */
export function reviewed(
  after: Record<string, unknown>,
  before: Record<string, unknown> | null = settings(),
): StackReview {
  return reviewStack("prod", before === null ? undefined : rendered(before), rendered(after));
}
