/** Who has which address and name in the lab. The same for every instance: each has a network of its own. */

/** Where the parts of the lab are. 192.0.2.0/24 is for documentation (RFC 5737), so is nobody's. */
export const addresses = {
  bridge: "192.0.2.1",
  entra: "192.0.2.2",
  applications: "192.0.2.3",
  downloads: "192.0.2.3",
} as const;

/** The names under which Entra is known everywhere; the lab's emulator answers to them. */
export const entraNames = ["login.microsoftonline.com", "graph.microsoft.com"] as const;

/** Where the lab's hosts get oauth2-proxy from. */
export const downloadsName = "downloads.lab.test";

/** The domains of the sites in stacks/Pulumi.local.yaml; every host serves all of them. */
export const siteDomains = ["code.lab.test", "wiki.lab.test"] as const;

/** The applications behind the sites. */
export const applications = [
  { site: "code", listen: `${addresses.applications}:8001` },
  { site: "wiki", listen: `${addresses.applications}:8002` },
] as const;

/** The n-th host, counted from 1. */
export function hostAt(n: number): { readonly name: string; readonly address: string } {
  return { name: `edge-${n}`, address: `192.0.2.${10 + n}` };
}

/** An /etc/hosts with the lab's names. */
export function hostsFile(hosts: readonly { readonly name: string; readonly address: string }[]): string {
  const lines = [
    ["127.0.0.1", "localhost"],
    ["::1", "localhost ip6-localhost ip6-loopback"],
    [addresses.entra, entraNames.join(" ")],
    [addresses.downloads, downloadsName],
    ...hosts.map(({ name, address }) => [address, `${name}.lab.test`]),
    // A name with several addresses has one line for each.
    ...siteDomains.flatMap((domain) => hosts.map(({ address }) => [address, domain])),
  ];
  return lines.map((line) => `${line.join(" ")}\n`).join("");
}
