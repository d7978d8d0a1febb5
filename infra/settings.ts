/** The only reader of the stack's configuration. */
import * as pulumi from "@pulumi/pulumi";

import { ConfigError } from "../components/site/errors.ts";
import { type Environment, environmentFrom, secretNames, settingNames, settingOf } from "./environment.ts";
import { closest } from "fastest-levenshtein";

/** An environment, and what its configuration holds encrypted. */
export interface Settings {
  readonly environment: Environment;
  /** Without it, the SSH agent of whoever runs the engine is asked. */
  readonly adminPrivateKey: pulumi.Output<string> | undefined;
  /** Of the Redis that sites with `sessionStore: redis` use. */
  readonly redisPassword: pulumi.Output<string> | undefined;
}

/** The file of the stack that the engine is running, for example `stacks/Pulumi.prod.yaml`. */
export function stackSource(): string {
  return `stacks/Pulumi.${pulumi.getStack()}.yaml`;
}

/** @throws ConfigError with everything that is wrong in the stack's file */
export function readSettings(): Settings {
  const source = stackSource();
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
  if (misspelt.length > 0) throw new ConfigError(source, misspelt);
  return {
    environment,
    adminPrivateKey: config.getSecret("adminPrivateKey"),
    redisPassword: config.getSecret("redisPassword"),
  };
}

function isSecret(key: string): boolean {
  return secretNames.some((name) => name === key);
}
