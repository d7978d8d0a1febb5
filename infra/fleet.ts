/** What happens to a site's other hosts if one rejects its change. */
import { AsyncLocalStorage } from "node:async_hooks";

import * as pulumi from "@pulumi/pulumi";

import { hostCommandType } from "../components/host/host-command.ts";
import { program } from "../components/host/program.ts";
import type { Site } from "../components/site/site.ts";
import type { Environment, Host } from "./environment.ts";
import type { Observation } from "./observe.ts";
import { announcement, operator } from "./operator.ts";
import { reasonIn, runOnHost, type Asker } from "./ssh.ts";

/** How hosts can be rolled back: as whom, and to what. */
export interface RollbackOptions {
  readonly environment: Environment;
  readonly asker: Asker;
  /** What hosts had before the update. */
  readonly live: Observation["live"];
}

/**
 * From here on, a site's push that fails reports which hosts have what. With `onHostFailure: rollback` it then rolls back
 * the hosts that have the change, including those whose push is still running.
 */
export function onHostFailure(back: RollbackOptions): void {
  const { sites, hosts } = back.environment;
  const pushes = new Map(
    sites.flatMap((site) => {
      const own = new Pushes(site, back);
      return hosts.map((host): [string, Push] => [`${site.name}-${host.name}`, { own, host }]);
    }),
  );
  // The engine calls hooks outside of the program's run.
  const inThisRun = AsyncLocalStorage.snapshot();
  const took = new pulumi.ResourceHook("push-took", async ({ name }) => {
    const push = pushes.get(name);
    if (push !== undefined) await inThisRun(() => push.own.took(push.host));
  });
  const refused = new pulumi.ErrorHook("push-refused", async ({ name }) => {
    const push = pushes.get(name);
    if (push !== undefined) await inThisRun(() => push.own.refused(push.host));
    // No retry: a push that failed has rolled itself back.
    return false;
  });
  const hooks = { afterCreate: [took], afterUpdate: [took], onError: [refused] };
  pulumi.runtime.registerStackTransformation(({ type, name, props, opts }) =>
    type === hostCommandType && pushes.has(name)
      ? { props, opts: pulumi.mergeOptions(opts, { hooks }) }
      : undefined,
  );
}

interface Push {
  readonly own: Pushes;
  readonly host: Host;
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

  async refused(host: Host): Promise<void> {
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
  }

  async #takeBack(host: Host): Promise<void> {
    const { environment, live, asker } = this.#back;
    if (environment.onHostFailure !== "rollback") return;
    const generation = live[this.#site.name]?.[host.name];
    if (generation === undefined)
      return this.#say(
        `${host.name} keeps the change: its previous generation is unknown (it could not be reached)`,
      );
    const { domain } = this.#site;
    const command = generation === null ? `remove ${domain}` : `rollback ${domain} --to ${generation}`;
    const announced = announcement({ ...(await operator()), stack: pulumi.getStack() });
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
