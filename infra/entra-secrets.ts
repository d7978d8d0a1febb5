/** Compares the client secrets in Entra with those in the stack's state. */
import { z } from "zod";

import { displayName } from "../components/site/names.ts";
import type { GraphCall } from "./graph.ts";

/** What is in Entra but not in the state (after a lost response, or created by hand), or the other way round. */
export interface Finding {
  /** The site's name. */
  readonly site: string;
  /** What was found, in words. */
  readonly what: string;
  /** What to run. */
  readonly remedy: string;
}

/** A client secret in Entra, which never reveals its value. */
export interface EntraSecret {
  readonly keyId: string;
  readonly displayName: string;
  /** Whether the stack's state has it. */
  readonly known: boolean;
}

/** A site's registration, in the state and in Entra. */
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
 * @param state the output of `pulumi stack export`
 * @returns the sites whose registration is in the state
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

/** What is in Entra and not in the state, or the other way round. */
export function findings(registered: readonly RegisteredSite[]): Finding[] {
  return registered.flatMap(({ site, clientId, secrets, inState }) => [
    ...secrets
      .filter(({ known }) => !known)
      .map(({ keyId, displayName }) => ({
        site,
        what: `Entra has client secret ${keyId} ("${displayName}"), which is not in the stack's state`,
        remedy: `az ad app credential delete --id ${clientId} --key-id ${keyId}`,
      })),
    ...inState
      .filter((it) => !secrets.some(({ keyId }) => keyId === it.keyId))
      .map(({ generation, keyId }) => ({
        site,
        what: `client secret ${generation} (${keyId}) is no longer in Entra; hosts that use it cannot sign anybody in`,
        remedy: "npm run rotate, and pulumi up --refresh",
      })),
  ]);
}

/**
 * Registrations under a site's name that are not in the state: the response to their creation was lost, or somebody
 * created them by hand.
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
          what: `Entra has a registration "${displayName(domain)}" (${appId}), which is not in the stack's state`,
          remedy: `az ad app delete --id ${appId}`,
        }));
    }),
  );
  return found.flat();
}
