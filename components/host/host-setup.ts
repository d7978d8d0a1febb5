/** What turns a machine into a proxy host: the push program, what it needs, and who may run it. */
import type * as pulumi from "@pulumi/pulumi";

import { bundle, type BundleFile } from "./bundle.ts";
import { deployerUser, type Login } from "./connection.ts";
import { hostCommand } from "./host-command.ts";
import { keptText, shownOnce } from "./kept-text.ts";
import { installProgram, packedProgram, program, programVersion, programVersions } from "./program.ts";

/** The push program itself. Its text is this checkout's, for review there; the state and a preview have its checksum. */
export function hostProgram(
  name: string,
  { login, repair }: { readonly login: Login; readonly repair: string | undefined },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return hostCommand(
    name,
    {
      login,
      create: installProgram,
      update: repair && `${installProgram} # ${repair}`,
      delete: `sudo -n rm -rf ${program} ${programVersions}`,
      ...keptText("the push program", packedProgram()),
    },
    opts,
  );
}

interface Archive {
  readonly url: string;
  readonly sha256: string;
}

/** What {@link hostSetup} sends. */
export interface HostSetupArgs {
  readonly login: Login;
  readonly oauth2Proxy: Archive & { readonly version: string; readonly arm64?: Archive | undefined };
  /** Whether it gets an ACME client. */
  readonly acme: boolean;
  /** See ProxyHostArgs. */
  readonly outboundProxy: string | undefined;
  /** As Nginx writes a duration. */
  readonly workerShutdownTimeout: string;
  readonly allowVulnerableOauth2Proxy: boolean;
  readonly files: readonly BundleFile[];
  /** The set-up that sends the same to another host, and shows it. */
  readonly shownBy: string | undefined;
  /** See ProxyHostArgs. */
  readonly repair: string | undefined;
}

/** Packages, users, folders, oauth2-proxy and what all sites share in Nginx. */
export function hostSetup(
  name: string,
  {
    login,
    oauth2Proxy,
    acme,
    workerShutdownTimeout,
    outboundProxy,
    allowVulnerableOauth2Proxy,
    files,
    shownBy,
    repair,
  }: HostSetupArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const { version, url, sha256, arm64 } = oauth2Proxy;
  const facts = {
    deployer: deployerUser,
    // A new program sets the host up again: it has its own units and rules.
    program: programVersion(),
    oauth2Proxy: {
      version,
      ...{ url, sha256 },
      ...(arm64 === undefined ? {} : { arm64: { url: arm64.url, sha256: arm64.sha256 } }),
    },
    ...(acme ? { acme } : {}),
    workerShutdownTimeout,
    ...(outboundProxy === undefined ? {} : { outboundProxy }),
    allowVulnerableOauth2Proxy,
  };
  const create = `sudo -n ${program} setup --name ${login.host.name}`;
  return hostCommand(
    name,
    {
      login,
      create,
      update: repair && `${create} --repair ${repair}`,
      delete: `sudo -n ${program} teardown`,
      ...shownOnce(
        bundle([{ name: "host.json", text: `${JSON.stringify(facts, null, 2)}\n` }, ...files]),
        shownBy,
      ),
    },
    opts,
  );
}

/** The people who are blocked at every site of the host: a file of its own, so that blocking somebody pushes no site. */
export function hostBlocked(
  name: string,
  {
    login,
    list,
    repair,
  }: {
    readonly login: Login;
    /** As blockedList prints it. */
    readonly list: pulumi.Input<string>;
    readonly repair: string | undefined;
  },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const create = `sudo -n ${program} block`;
  return hostCommand(name, { login, create, update: repair && `${create} # ${repair}`, stdin: list }, opts);
}

/** Who may push: the deployer's public key. */
export function hostDeployer(
  name: string,
  {
    login,
    publicKey,
    repair,
  }: {
    readonly login: Login;
    readonly publicKey: pulumi.Input<string>;
    readonly repair: string | undefined;
  },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const create = `sudo -n ${program} authorize`;
  return hostCommand(
    name,
    { login, create, update: repair && `${create} # ${repair}`, stdin: publicKey },
    opts,
  );
}
