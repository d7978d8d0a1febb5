/** What happens to a site's other hosts if one rejects its change. */
import { AsyncLocalStorage } from "node:async_hooks";

import * as pulumi from "@pulumi/pulumi";

import { program } from "../components/host/program.ts";
import type { Site } from "../components/site/site.ts";
import type { Environment, Host } from "./environment.ts";
import { announcement, type Operator } from "./operator.ts";
import { reasonIn, runOnHost, type Asker } from "./ssh.ts";

/** How hosts can be rolled back: as whom, and to what. */
export interface WayBack {
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
export function onHostFailure(site: Site, back: WayBack): pulumi.ResourceTransform {
  const { hosts } = back.environment;
  const having: Host[] = [];
  let failed: Host | undefined;

  const names = (list: readonly Host[]) => list.map(({ name }) => name).join(", ") || "none";
  const say = (what: string) => pulumi.log.error(`site "${site.name}": ${what}`);

  const took = async (host: Host) => {
    having.push(host);
    if (failed !== undefined) await takeBack(host);
  };
  const refused = async (host: Host) => {
    const others = hosts.filter((it) => it !== host && !having.includes(it));
    failed ??= host;
    const next =
      having.length === 0
        ? "No host has it; the next `pulumi up` tries again"
        : back.environment.onHostFailure === "rollback"
          ? "onHostFailure is rollback: the hosts that have it are rolled back"
          : `The next \`pulumi up\` tries again; \`npm run rollback -- --stack ${pulumi.getStack()} --site ${site.name} --host NAME\` rolls one back`;
    await say(
      `${host.name} rejected the change; ${names(having)} ${having.length > 1 ? "have" : "has"} it; pending or not yet tried: ${names(others)}. ${next}.`,
    );
    for (const it of [...having]) await takeBack(it);
    return false; // no retry: a push that failed has rolled itself back
  };

  async function takeBack(host: Host): Promise<void> {
    if (back.environment.onHostFailure !== "rollback") return;
    const generation = back.before[host.name];
    if (generation === undefined)
      return say(
        `${host.name} keeps the change: its previous generation is unknown (it could not be reached)`,
      );
    const command =
      generation === null ? `remove ${site.domain}` : `rollback ${site.domain} --to ${generation}`;
    const announced = announcement({ ...back.operator, stack: pulumi.getStack() });
    try {
      const ended = await runOnHost(host, back.asker, `${announced}sudo -n ${program} ${command}`);
      await say(
        ended.exitCode === 0
          ? ended.stdout.trim()
          : `${host.name} keeps the change: ${reasonIn(ended.stderr)}`,
      );
    } catch (error) {
      await say(`${host.name} keeps the change: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  // Created here, and not in the transform, which the engine calls outside of the program.
  const inProgram = AsyncLocalStorage.snapshot();
  const hooks = new Map(
    hosts.map((host): [string, pulumi.ResourceHookBinding] => {
      const name = `${site.name}-${host.name}`;
      const after = new pulumi.ResourceHook(`${name}-took`, () => inProgram(took, host));
      const onError = new pulumi.ErrorHook(`${name}-refused`, () => inProgram(refused, host));
      return [name, { afterCreate: [after], afterUpdate: [after], onError: [onError] }];
    }),
  );
  // Must not throw: in an inline program that is no error, and the engine would delete the transform's resource.
  return ({ type, name, props, opts }) => {
    const own = type === "command:remote:Command" ? hooks.get(name) : undefined;
    // Outside of the program the SDK drops secret marks; without it, the state has the SSH key in plain text.
    const { specialSigKey, specialSecretSig } = pulumi.runtime;
    const { connection: value } = props as { connection?: unknown };
    const connection = { [specialSigKey]: specialSecretSig, value };
    return own && { props: { ...props, connection }, opts: pulumi.mergeOptions(opts, { hooks: own }) };
  };
}
