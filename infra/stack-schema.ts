/** The JSON Schema of a stack's file, with which editors complete and check `stacks/*.yaml`. */
import { z } from "zod";

import { environmentSchema, secretNames } from "./environment.ts";

/** A JSON Schema, or a part of one. */
export interface JsonSchema {
  description?: string;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  [keyword: string]: unknown;
}

/** What each setting is for, by the interface and its member, as in `describe("SiteArgs", "domain")`. */
type Describe = (type: string, member: string) => string | undefined;

/** Which interface a setting's own settings are described by. */
const typesOf: Readonly<Record<string, string>> = {
  sites: "SiteArgs",
  siteDefaults: "SiteArgs",
  hosts: "HostArgs",
  roles: "RoleArgs",
  paths: "PathRuleArgs",
  open: "OpenPathArgs",
  redis: "RedisArgs",
  conditionalAccess: "ConditionalAccessArgs",
  clientSecrets: "ClientSecretArgs",
};

/** The schema of `stacks/Pulumi.<environment>.yaml`. Checks across settings are the program's. */
export function stackSchema(describe: Describe): JsonSchema {
  const environment = z.toJSONSchema(environmentSchema, { io: "input" }) as unknown as JsonSchema;
  const { required } = environment as { required?: string[] };
  addDescriptions(environment, undefined, describe);
  const encrypted: JsonSchema = {
    description: "Set by `pulumi config set --secret`.",
    type: "object",
    properties: { secure: { type: "string" } },
    required: ["secure"],
  };
  const settings = {
    ...environment.properties,
    ...Object.fromEntries(secretNames.map((name) => [name, encrypted])),
  };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "An environment of Protected Sites",
    type: "object",
    properties: {
      config: {
        type: "object",
        properties: prefixed(settings),
        required: (required ?? []).map((key) => `protected-sites:${key}`),
      },
    },
    required: ["config"],
  };
}

function prefixed(settings: Record<string, JsonSchema>): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, schema]) => [`protected-sites:${key}`, schema]),
  );
}

function addDescriptions(schema: JsonSchema, type: string | undefined, describe: Describe): void {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if ("not" in property) {
      // Told as a mistake in words of its own; editors are not to offer it.
      delete schema.properties?.[key];
      continue;
    }
    const description = type === undefined ? undefined : describe(type, key);
    if (description !== undefined) property.description = description;
    addDescriptions(property, typesOf[key], describe);
  }
  for (const part of [schema.items, schema.additionalProperties])
    if (typeof part === "object") addDescriptions(part, type, describe);
}
