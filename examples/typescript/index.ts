/** A program of its own: a proxy host, and a site that it protects. */
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { type HostSettings, ProtectedSite, ProxyHost } from "protected-sites";

const config = new pulumi.Config();
const key = new tls.PrivateKey("deployer", { algorithm: "ED25519" });
const edge: HostSettings = { name: "edge-1", address: "10.0.0.11", hostKey: config.require("hostKey") };

const version = "7.15.5";
const host = new ProxyHost(edge.name, {
  host: edge,
  deployerPublicKey: key.publicKeyOpenssh,
  oauth2Proxy: {
    version,
    url: `https://github.com/oauth2-proxy/oauth2-proxy/releases/download/v${version}/oauth2-proxy-v${version}.linux-amd64.tar.gz`,
    sha256: config.require("oauth2ProxySha256"),
  },
});

const wiki = new ProtectedSite(
  "wiki",
  {
    site: {
      domain: "wiki.example.com",
      port: 4180,
      upstream: "http://127.0.0.1:3000",
      emailDomains: ["example.com"],
      clientSecrets: [{ generation: 1, endDate: "2027-05-28" }],
    },
    tenantId: config.require("tenantId"),
    hosts: [edge],
    deployerPrivateKey: key.privateKeyOpenssh,
  },
  // A site can only be pushed to a host that has been set up.
  { dependsOn: host },
);

export const url = wiki.url;
