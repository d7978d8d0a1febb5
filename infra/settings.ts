/** The only reader of the stack's configuration. */
import { existsSync, realpathSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import * as pulumi from "@pulumi/pulumi";
import { closest } from "fastest-levenshtein";

import { ConfigError, type Problem } from "../components/site/errors.ts";
import { cookieSecretProblems } from "./adopted-cookie-secrets.ts";
import { type Environment, environmentFrom, isSecret, settingNames, settingOf } from "./environment.ts";
import { projectFolder } from "./project.ts";
import { environmentOf, readStackFile, settingsOf, type StackFile, stacks } from "./stack-file.ts";

/** An environment, and its encrypted settings. */
export interface Settings {
  readonly environment: Environment;
  /** Default: the SSH agent of the user who runs the engine. */
  readonly adminPrivateKey: pulumi.Output<string> | undefined;
  /** Of the Redis that sites with `sessionStore: redis` use. */
  readonly redisPassword: pulumi.Output<string> | undefined;
  /** Adopted cookie secrets, by the site's name. */
  readonly adoptedCookieSecrets: Readonly<
    Record<string, { readonly adoptedCookieSecret: pulumi.Output<string> }>
  >;
}

/** The file of the stack that the engine is running, for example `stacks/Pulumi.prod.yaml`. */
export function stackSource(): string {
  return `stacks/Pulumi.${pulumi.getStack()}.yaml`;
}

/** @throws ConfigError with everything that is wrong in the stack's file */
export function readSettings(): Settings {
  const source = stackSource();
  // The engine's parsed values do not show how they were written.
  const file = stacks().includes(pulumi.getStack()) ? readStackFile(pulumi.getStack()) : undefined;
  const config = new pulumi.Config();
  const prefix = `${config.name}:`;
  const values = Object.entries(pulumi.runtime.allConfig())
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => [key.slice(prefix.length), value] as const);

  const unknown = values.filter(([key]) => !settingNames.includes(key));
  const misspelt = unknown.map(([key]) => ({
    where: "",
    what: `"${prefix}${key}" is not a known key; did you mean "${prefix}${closest(key, settingNames)}"?`,
  }));
  const known = values.filter(([key]) => settingNames.includes(key) && !isSecret(key));
  const settings = Object.fromEntries(known.map(([key, text]) => [key, settingOf(text)]));

  let environment: Environment;
  try {
    environment = environmentFrom(settings, source);
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(source, [...misspelt, ...error.problems]);
    throw error;
  }
  const adopted = settingOf(values.find(([key]) => key === "adoptedCookieSecrets")?.[1] ?? "{}");
  const problems = [
    ...misspelt,
    ...(file === undefined || !isRunInPlace() ? [] : unseenSettings(settings, environment, file)),
    ...cookieSecretProblems(
      adopted,
      environment.sites.map(({ name }) => name),
    ),
  ];
  if (problems.length > 0) throw new ConfigError(source, problems);
  return {
    environment,
    adminPrivateKey: config.getSecret("adminPrivateKey"),
    redisPassword: config.getSecret("redisPassword"),
    adoptedCookieSecrets: Object.fromEntries(
      Object.entries(adopted as Record<string, string>).map(([site, secret]) => [
        site,
        { adoptedCookieSecret: pulumi.secret(secret) },
      ]),
    ),
  };
}

/** Whether the engine has read this project's own files; an embedding program may bring settings of its own. */
function isRunInPlace(): boolean {
  const root = pulumi.getRootDirectory();
  return existsSync(root) && realpathSync(root) === realpathSync(projectFolder);
}

/**
 * Settings that the engine has from outside of the stack's file: from `Pulumi.yaml`, or from a Pulumi ESC environment.
 * Reviews and commands read only the file, and would miss a change there. Secrets may come from anywhere.
 */
function unseenSettings(
  settings: Readonly<Record<string, unknown>>,
  environment: Environment,
  file: StackFile,
): Problem[] {
  if (isDeepStrictEqual(environment, environmentOf(file))) return [];
  const written = settingsOf(file);
  return Object.keys(settings)
    .filter((key) => !isDeepStrictEqual(settings[key], written[key]))
    .map((key) => ({
      where: key,
      what: "must be set in this file, which is all that reviews and commands read; the engine has another value, from Pulumi.yaml or a Pulumi ESC environment",
    }));
}
