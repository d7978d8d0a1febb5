/** What turns a machine into a proxy host: the push program, what it needs, and who may run it. */
import { createHash } from "node:crypto";

import type * as pulumi from "@pulumi/pulumi";

import { bundle, type BundleFile } from "./bundle.ts";
import { deployerUser, type Login } from "./connection.ts";
import { hostCommand } from "./host-command.ts";
import { installProgram, program, programText, programVersions } from "./program.ts";

/** The push program itself. */
export function hostProgram(
  name: string,
  { login }: { readonly login: Login },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return hostCommand(
    name,
    {
      login,
      create: installProgram,
      delete: `sudo -n rm -rf ${program} ${programVersions}`,
      stdin: programText(),
    },
    opts,
  );
}

/** What {@link hostSetup} sends. */
export interface HostSetupArgs {
  readonly login: Login;
  readonly oauth2Proxy: { readonly version: string; readonly url: string; readonly sha256: string };
  readonly allowVulnerableOauth2Proxy: boolean;
  readonly files: readonly BundleFile[];
}

/** Packages, users, folders, oauth2-proxy and what all sites share in Nginx. */
export function hostSetup(
  name: string,
  { login, oauth2Proxy, allowVulnerableOauth2Proxy, files }: HostSetupArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const { version, url, sha256 } = oauth2Proxy;
  const facts = {
    name: login.host.name,
    deployer: deployerUser,
    // A new program sets the host up anew: it brings its own units and rules.
    program: createHash("sha256").update(programText()).digest("hex"),
    oauth2Proxy: { version, url, sha256 },
    allowVulnerableOauth2Proxy,
  };
  return hostCommand(
    name,
    {
      login,
      create: `sudo -n ${program} setup`,
      delete: `sudo -n ${program} teardown`,
      stdin: bundle([{ name: "host.json", text: `${JSON.stringify(facts, null, 2)}\n` }, ...files]),
    },
    opts,
  );
}

/** Who may push: the deployer's public key. */
export function hostDeployer(
  name: string,
  { login, publicKey }: { readonly login: Login; readonly publicKey: pulumi.Input<string> },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return hostCommand(name, { login, create: `sudo -n ${program} authorize`, stdin: publicKey }, opts);
}
