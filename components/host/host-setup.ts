/** What turns a machine into a proxy host: the push program, what it needs, and who may run it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import type * as pulumi from "@pulumi/pulumi";

import { bundle, type BundleFile } from "./bundle.ts";
import { deployerUser, type Login } from "./connection.ts";
import { hostCommand, program } from "./host-command.ts";

/** The source of the push program, one file of Python. */
export function programText(): string {
  return readFileSync(new URL("protected-sites.py", import.meta.url), "utf8");
}

/**
 * Takes standard input for the push program: in one step, only if it arrived whole (its last line answers `check`, so
 * a text that was cut off says nothing), and never over a file that is not ours.
 */
const installProgram = `sudo -n timeout 600 sh -euc '${[
  `p=${program}`,
  "umask 022",
  `if [ -e $p ] && ! grep -q "Protected Sites" $p; then echo "$p is not ours; move it away" >&2; exit 1; fi`,
  "command -v python3 >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3 >&2",
  "t=$(mktemp $p.XXXXXX)",
  `trap "rm -f $t" EXIT`,
  "cat >$t",
  `[ "$(python3 -I $t check)" = whole ] || { echo "the push program did not arrive whole" >&2; exit 1; }`,
  "chmod 0755 $t",
  "sync $t",
  "mv -f $t $p",
  "sync ${p%/*}",
].join("; ")}'`;

/** The push program itself. */
export function hostProgram(
  name: string,
  { login }: { readonly login: Login },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return hostCommand(
    name,
    { login, create: installProgram, delete: `sudo -n rm -f ${program}`, stdin: programText() },
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
