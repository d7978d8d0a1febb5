/** What client secrets Entra has, held against what the stack's state knows. */
import { z } from "zod";

import { displayName } from "../components/site/names.ts";
import type { GraphCall } from "./graph.ts";

/** What an answer that got lost, somebody by hand, or a hand-made set-up has left in Entra; or what has been taken. */
export interface Finding {
  /** The site's name. */
  readonly site: string;
  /** What there is, in words. */
  readonly what: string;
  /** What to run. */
  readonly remedy: string;
}

/** A client secret in Entra; Entra never tells its text. */
export interface EntraSecret {
  readonly keyId: string;
  readonly displayName: string;
  /** Whether the stack's state has it. */
  readonly known: boolean;
}

/** A site's registration, as the state and Entra have it. */
export interface RegisteredSite {
  readonly site: string;
  readonly objectId: string;
  readonly clientId: string;
  readonly secrets: readonly EntraSecret[];
  /** The state's client secrets, by generation. */
  readonly inState: readonly { readonly generation: number; readonly keyId: string; readonly urn: string }[];
}

/** The parts of `pulumi stack export` that are read here; secrets may stay encrypted. */
const stateSchema = z.object({
  deployment: z.object({
    resources: z
      .array(
        z.object({
          urn: z.string(),
          type: z.string(),
          id: z.string().default(""),
          outputs: z.record(z.string(), z.unknown()).default({}),
        }),
      )
      .default([]),
  }),
});

const applicationSchema = z.object({
  id: z.string(),
  appId: z.string(),
  passwordCredentials: z.array(
    z.object({ keyId: z.string(), displayName: z.string().nullable().default(null) }),
  ),
});

/**
 * @param state what `pulumi stack export` gives
 * @returns the sites whose registration the state knows
 */
export async function registeredSites(state: unknown, graph: GraphCall): Promise<RegisteredSite[]> {
  const { resources } = stateSchema.parse(state).deployment;
  const passwords = resources.filter(
    ({ type }) => type === "azuread:index/applicationPassword:ApplicationPassword",
  );
  const applications = resources.filter(({ type }) => type === "azuread:index/application:Application");
  return Promise.all(
    applications.map(async ({ urn, id }) => {
      const site = urn.split("::").at(-1) ?? "";
      const objectId = id.replace(/^\/applications\//, "");
      const inState = passwords
        .filter((it) => it.id.startsWith(`${objectId}/password/`))
        .map((it) => ({
          generation: Number(it.urn.split("-").at(-1)),
          keyId: it.id.split("/").at(-1) ?? "",
          urn: it.urn,
        }));
      const found = applicationSchema.parse(await graph("GET", `/applications/${objectId}`));
      const secrets = found.passwordCredentials.map(({ keyId, displayName }) => ({
        keyId,
        displayName: displayName ?? "",
        known: inState.some((it) => it.keyId === keyId),
      }));
      return { site, objectId, clientId: found.appId, secrets, inState };
    }),
  );
}

/** What stands in Entra and not in the state, or the other way round. */
export function findings(registered: readonly RegisteredSite[]): Finding[] {
  return registered.flatMap(({ site, clientId, secrets, inState }) => [
    ...secrets
      .filter(({ known }) => !known)
      .map(({ keyId, displayName }) => ({
        site,
        what: `Entra has client secret ${keyId} ("${displayName}"), which the stack does not know`,
        remedy: `az ad app credential delete --id ${clientId} --key-id ${keyId}`,
      })),
    ...inState
      .filter((it) => !secrets.some(({ keyId }) => keyId === it.keyId))
      .map(({ generation, keyId }) => ({
        site,
        what: `client secret ${generation} (${keyId}) is not in Entra any more; hosts that use it cannot sign anybody in`,
        remedy: "npm run rotate, and pulumi up --refresh",
      })),
  ]);
}

/**
 * Registrations under a site's name that the state does not know: the answer to their creation got lost, or somebody
 * made them by hand.
 */
export async function unknownRegistrations(
  sites: readonly { readonly name: string; readonly domain: string }[],
  registered: readonly RegisteredSite[],
  graph: GraphCall,
): Promise<Finding[]> {
  const schema = z.object({ value: z.array(z.object({ id: z.string(), appId: z.string() })) });
  const known = new Set(registered.map(({ objectId }) => objectId));
  const found = await Promise.all(
    sites.map(async ({ name, domain }) => {
      const filter = encodeURIComponent(`displayName eq '${displayName(domain)}'`);
      const { value } = schema.parse(await graph("GET", `/applications?$filter=${filter}`));
      return value
        .filter(({ id }) => !known.has(id))
        .map(({ appId }) => ({
          site: name,
          what: `Entra has a registration "${displayName(domain)}" (${appId}), which the stack does not know`,
          remedy: `az ad app delete --id ${appId}`,
        }));
    }),
  );
  return found.flat();
}
