/** The JSON Schema of a stack's file, with which editors complete and check `stacks/*.yaml`. */
import { z } from "zod";

import { environmentSchema, secretNames } from "./environment.ts";

/** A JSON Schema, or a part of one. */
export interface JsonSchema {
  description?: string;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  required?: string[];
  enum?: string[];
  [keyword: string]: unknown;
}

/** The docstring of a setting. */
export interface Docstring {
  readonly text: string;
  /** The behaviour if it is not set. */
  readonly default?: string | undefined;
}

/** The description of each setting, by interface and member, as in `describe("SiteSettings", "domain")`. */
export type Describe = (type: string, member: string) => Docstring | undefined;

/** The interface that describes a setting's own settings. */
export const typesOf: Readonly<Record<string, string>> = {
  sites: "SiteSettings",
  siteDefaults: "SiteSettings",
  hosts: "HostSettings",
  jumpHost: "JumpHostSettings",
  oauth2Proxy: "Oauth2ProxySettings",
  internalCa: "StackCaSettings",
  blocked: "BlockedSettings",
  pages: "PagesSettings",
  arm64: "Oauth2ProxyArchiveSettings",
  acme: "AcmeSettings",
  roles: "RoleSettings",
  temporaryUsers: "TemporaryUserSettings",
  temporaryGroups: "TemporaryGroupSettings",
  paths: "PathRuleSettings",
  open: "OpenPathSettings",
  upstreams: "PathUpstreamSettings",
  redis: "RedisSettings",
  securityHeaders: "SecurityHeadersSettings",
  conditionalAccess: "ConditionalAccessSettings",
  adoptedRegistration: "AdoptedRegistrationSettings",
  clientSecrets: "ClientSecretSettings",
};

/** The schema of `stacks/Pulumi.<environment>.yaml`. Checks across settings are the program's. */
export function stackSchema(describe: Describe): JsonSchema {
  const environment = z.toJSONSchema(environmentSchema, { io: "input" }) as unknown as JsonSchema;
  addDescriptions(environment, "EnvironmentSettings", describe);
  const secure = { type: "object", properties: { secure: { type: "string" } }, required: ["secure"] };
  const encrypted = (name: string): JsonSchema => ({
    ...(name === "adoptedCookieSecrets" ? { type: "object", additionalProperties: secure } : secure),
    description: descriptionOf("EnvironmentSettings", name, describe),
  });
  const settings = {
    ...environment.properties,
    ...Object.fromEntries(secretNames.map((name) => [name, encrypted(name)])),
  };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "An environment of Protected Sites",
    type: "object",
    properties: {
      config: {
        type: "object",
        properties: prefixed(settings),
        required: (environment.required ?? []).map((key) => `protected-sites:${key}`),
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

/** @throws Error if a setting has no docstring */
function descriptionOf(type: string, key: string, describe: Describe): string {
  const docstring = describe(type, key);
  if (docstring === undefined) throw new Error(`${key} has no description; give it a doc comment in ${type}`);
  const { text, default: unset } = docstring;
  return unset === undefined ? text : `${text} Default: ${unset}.`;
}

function addDescriptions(schema: JsonSchema, type: string, describe: Describe): void {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if ("not" in property) {
      // The program's error is more specific; editors should not offer it.
      delete schema.properties?.[key];
      continue;
    }
    property.description = descriptionOf(type, key, describe);
    addDescriptions(property, typesOf[key] ?? type, describe);
  }
  for (const part of [schema.items, schema.additionalProperties])
    if (typeof part === "object") addDescriptions(part, type, describe);
}
