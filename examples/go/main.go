// A program of its own: a proxy host, and a site that it protects.
package main

import (
	sites "example.com/pulumi-protected-sites/sdk/go/protected-sites"
	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		settings := config.New(ctx, "")
		key, err := tls.NewPrivateKey(ctx, "deployer", &tls.PrivateKeyArgs{Algorithm: pulumi.String("ED25519")})
		if err != nil {
			return err
		}
		edge := sites.HostSettingsArgs{Name: "edge-1", Address: "10.0.0.11", HostKey: settings.Require("hostKey")}
		host, err := sites.NewProxyHost(ctx, "edge-1", &sites.ProxyHostArgs{
			Host:              edge,
			DeployerPublicKey: key.PublicKeyOpenssh,
			Oauth2Proxy: sites.Oauth2ProxySettingsArgs{
				Version: "7.15.5",
				Url:     "https://github.com/oauth2-proxy/oauth2-proxy/releases/download/v7.15.5/oauth2-proxy-v7.15.5.linux-amd64.tar.gz",
				Sha256:  settings.Require("oauth2ProxySha256"),
			},
		})
		if err != nil {
			return err
		}
		wiki, err := sites.NewProtectedSite(ctx, "wiki", &sites.ProtectedSiteArgs{
			TenantId:           settings.Require("tenantId"),
			Hosts:              []sites.HostSettingsArgs{edge},
			DeployerPrivateKey: key.PrivateKeyOpenssh,
			Site: sites.SiteSettingsArgs{
				Domain:       "wiki.example.com",
				Port:         4180,
				Upstream:     "http://127.0.0.1:3000",
				EmailDomains: []string{"example.com"},
				ClientSecrets: []sites.ClientSecretSettingsArgs{
					{Generation: 1, EndDate: pulumi.StringRef("2027-05-28")},
				},
			},
		}, pulumi.DependsOn([]pulumi.Resource{host})) // a site can only be pushed to a host that has been set up
		if err != nil {
			return err
		}
		ctx.Export("url", wiki.Url)
		return nil
	})
}
