/** What happens to a site's other hosts if one rejects its change. */
import { AsyncLocalStorage } from "node:async_hooks";

import * as pulumi from "@pulumi/pulumi";

import { hostCommandType } from "../components/host/host-command.ts";
import { program } from "../components/host/program.ts";
import type { Site } from "../components/site/site.ts";
import type { Environment, Host } from "./environment.ts";
import { announcement, type Operator } from "./operator.ts";
import { reasonIn, runOnHost, type Asker } from "./ssh.ts";

/** How hosts can be rolled back: as whom, and to what. */
export interface RollbackOptions {
  readonly environment: Environment;
  readonly asker: Asker;
  readonly operator: Operator;
  /** Each host's generation before the update; null if it did not have the site. Hosts that were unreachable are missing. */
  readonly before: Readonly<Record<string, number | null>>;
}

/**
 * Watches a site's pushes, and reports, if one fails, which hosts have what. With `onHostFailure: rollback` it then rolls
 * back the hosts that have the change, including those whose push is still running.
 */
export function onHostFailure(site: Site, back: RollbackOptions): pulumi.ResourceTransform {
  const pushes = new Pushes(site, back);
  // Created here, and not in the transform, which the engine calls outside of the program.
  const inProgram = AsyncLocalStorage.snapshot();
  const hooks = new Map(
    back.environment.hosts.map((host): [string, pulumi.ResourceHookBinding] => {
      const name = `${site.name}-${host.name}`;
      const after = new pulumi.ResourceHook(`${name}-took`, () => inProgram(() => pushes.took(host)));
      const onError = new pulumi.ErrorHook(`${name}-refused`, () => inProgram(() => pushes.refused(host)));
      return [name, { afterCreate: [after], afterUpdate: [after], onError: [onError] }];
    }),
  );
  // Must not throw: in an inline program that is no error, and the engine would delete the transform's resource.
  return ({ type, name, props, opts }) => {
    const own = type === hostCommandType ? hooks.get(name) : undefined;
    return own && { props: withSecretMarks(props), opts: pulumi.mergeOptions(opts, { hooks: own }) };
  };
}

/** Outside of the program the SDK drops secret marks; without them, the state has the SSH keys in plain text. */
export function withSecretMarks(props: Record<string, unknown>): Record<string, unknown> {
  const { specialSigKey, specialSecretSig } = pulumi.runtime;
  const secret = (name: string) => ({ [specialSigKey]: specialSecretSig, value: props[name] });
  return { ...props, interpreter: secret("interpreter"), environment: secret("environment") };
}

/** Which hosts have a site's change so far. */
class Pushes {
  readonly #site: Site;
  readonly #back: RollbackOptions;
  readonly #having: Host[] = [];
  #failed = false;

  constructor(site: Site, back: RollbackOptions) {
    this.#site = site;
    this.#back = back;
  }

  async took(host: Host): Promise<void> {
    this.#having.push(host);
    if (this.#failed) await this.#takeBack(host);
  }

  /** @returns false: no retry, since a push that failed has rolled itself back */
  async refused(host: Host): Promise<false> {
    const { hosts, onHostFailure } = this.#back.environment;
    const having = this.#having;
    const others = hosts.filter((it) => it !== host && !having.includes(it));
    this.#failed = true;
    const next =
      having.length === 0
        ? "No host has it; the next `pulumi up` tries again"
        : onHostFailure === "rollback"
          ? "onHostFailure is rollback: the hosts that have it are rolled back"
          : `The next \`pulumi up\` tries again; \`npm run rollback -- --stack ${pulumi.getStack()} --site ${this.#site.name} --host NAME\` rolls one back`;
    await this.#say(
      `${host.name} rejected the change; ${namesOf(having)} ${having.length > 1 ? "have" : "has"} it; pending or not yet tried: ${namesOf(others)}. ${next}.`,
    );
    for (const it of [...having]) await this.#takeBack(it);
    return false;
  }

  async #takeBack(host: Host): Promise<void> {
    const { environment, before, asker, operator } = this.#back;
    if (environment.onHostFailure !== "rollback") return;
    const generation = before[host.name];
    if (generation === undefined)
      return this.#say(
        `${host.name} keeps the change: its previous generation is unknown (it could not be reached)`,
      );
    const { domain } = this.#site;
    const command = generation === null ? `remove ${domain}` : `rollback ${domain} --to ${generation}`;
    const announced = announcement({ ...operator, stack: pulumi.getStack() });
    try {
      const ended = await runOnHost(host, asker, `${announced}sudo -n ${program} ${command}`);
      await this.#say(
        ended.exitCode === 0
          ? ended.stdout.trim()
          : `${host.name} keeps the change: ${reasonIn(ended.stderr)}`,
      );
    } catch (error) {
      await this.#say(
        `${host.name} keeps the change: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  #say(what: string): Promise<void> {
    return pulumi.log.error(`site "${this.#site.name}": ${what}`);
  }
}

function namesOf(hosts: readonly Host[]): string {
  return hosts.map(({ name }) => name).join(", ") || "none";
}
