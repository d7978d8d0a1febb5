/** What a site sends to one host: its readable files, and its secrets. */
import * as pulumi from "@pulumi/pulumi";

import { cookieName } from "../site/names.ts";
import type { Redis } from "../site/session-store.ts";
import type { Site } from "../site/site.ts";
import { bundle, type BundleFile } from "./bundle.ts";
import type { Login } from "./connection.ts";
import { hostCommand } from "./host-command.ts";
import { shownOnce } from "./kept-text.ts";
import { program } from "./program.ts";

/** A site's readable files on one host: one transaction, which changes everything or nothing. */
export function sitePush(
  name: string,
  {
    login,
    site,
    domain,
    files,
    shownBy,
    repair,
  }: {
    readonly login: Login;
    /** Name of the site. */
    readonly site: string;
    readonly domain: string;
    readonly files: readonly BundleFile[];
    /** The push that sends the same to another host, and shows it. */
    readonly shownBy: string | undefined;
    /** See ProtectedSiteArgs. */
    readonly repair: string | undefined;
  },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return hostCommand(
    name,
    {
      login,
      create: `sudo -n ${program} push`,
      update: repair && `sudo -n ${program} push --repair ${repair}`,
      delete: `sudo -n ${program} remove ${domain} --of ${site}`,
      ...shownOnce(bundle(files), shownBy),
    },
    // Another domain is another site. An update in place would leave the old one's files on the host, since it does not
    // run `delete`; and both want the same port, so the old one goes first.
    { ...opts, replacementTrigger: domain, deleteBeforeReplace: true },
  );
}

/** What {@link siteCredentials} sends. */
export interface SiteCredentialsArgs {
  readonly login: Login;
  /** Name of the site. */
  readonly site: string;
  readonly domain: string;
  /** Describes the secrets without containing any: a diff hides the secrets, and shows this. */
  readonly which: pulumi.Input<string>;
  /** Where the host proves that the client secret works before it uses it. */
  readonly tokenEndpoint: string;
  readonly clientId: pulumi.Input<string>;
  readonly clientSecret: pulumi.Input<string>;
  readonly cookieSecret: pulumi.Input<string>;
  /** In PEM, where the stack makes the site's certificate. */
  readonly certificate?: pulumi.Input<string>;
  /** The certificate's private key, in PEM. */
  readonly certificateKey?: pulumi.Input<string>;
  /** When the client secret ends, as in `2027-11-01T00:00:00Z`: the host tells Prometheus. */
  readonly clientSecretEnds: pulumi.Input<string>;
  /** More variables of oauth2-proxy that are secret, by their names. */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** See ProtectedSiteArgs. */
  readonly repair: string | undefined;
}

/** A site's secrets on one host. Secret in the state, in diffs and in what the command prints. */
export function siteCredentials(
  name: string,
  { login, site, repair, which, ...credentials }: SiteCredentialsArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return hostCommand(
    name,
    {
      login,
      // To the host's shell it is a comment.
      create: pulumi.interpolate`sudo -n ${program} credentials # ${which}`,
      update: repair && `sudo -n ${program} credentials --repair ${repair}`,
      delete: `sudo -n ${program} remove-credentials ${credentials.domain} --of ${site}`,
      stdin: pulumi.secret(pulumi.jsonStringify(credentials)),
      secret: true,
    },
    // The old domain's go last, after the site that reads them.
    { ...opts, replacementTrigger: credentials.domain },
  );
}

/**
 * A site's sessions in its Redis, which one host takes out of it when the site goes from all of them: a host cannot tell
 * that from its own going. Secret in the state and in diffs.
 */
export function siteSessions(
  name: string,
  {
    login,
    site,
    redis,
    password,
  }: {
    readonly login: Login;
    readonly site: Pick<Site, "domain" | "sessionStore">;
    readonly redis: Redis;
    readonly password?: pulumi.Input<string> | undefined;
  },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const sessions = { domain: site.domain, cookieName: cookieName(site), ...redis, password };
  return hostCommand(
    name,
    {
      login,
      delete: `sudo -n ${program} forget-sessions`,
      stdin: pulumi.secret(pulumi.jsonStringify(sessions)),
      secret: true,
      warns: true,
    },
    { ...opts, replacementTrigger: site.domain },
  );
}
