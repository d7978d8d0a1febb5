/** Who may enter, from oauth2-proxy's options: only what means the same for a site, all else keeps it closed. */
import { domain, guid } from "../../components/site/checks.ts";
import type { SiteSettings } from "../../components/site/settings.ts";
import { blocks, closes, differs, type Finding } from "./findings.ts";
import type { Oauth2ProxyOptions } from "./oauth2-proxy-options.ts";

/** Who may enter a site. */
export interface Identity {
  readonly settings: Pick<SiteSettings, "emailDomains" | "guests" | "allowedGroups">;
  readonly findings: readonly Finding[];
}

/** What the operator says, and the files do not. */
export interface Given {
  readonly emailDomains: readonly string[];
  /** The tenant of the environment, where there is one. */
  readonly tenantId: string | undefined;
  /** Domains of people if nothing names any. */
  readonly fallback: string;
}

/** @param options undefined if no file has any */
export function identityOf(options: Oauth2ProxyOptions | undefined, given: Given): Identity {
  if (options === undefined)
    return {
      settings: { emailDomains: fallbackDomains(given) },
      findings: [
        blocks(
          "",
          "oauth2-proxy's own configuration is not among the files, so it is not known who may enter",
        ),
      ],
    };
  const tenant = tenantFindings(options, given);
  const groups = groupsOf(options);
  const people = domainsOf(options, given, groups.allowedGroups !== undefined);
  return {
    settings: {
      ...people.settings,
      ...(groups.allowedGroups === undefined ? {} : { allowedGroups: groups.allowedGroups }),
    },
    findings: [...tenant, ...people.findings, ...groups.findings, ...otherRestrictions(options)],
  };
}

function fallbackDomains({ emailDomains, fallback }: Given): string[] {
  return emailDomains.length > 0 ? [...emailDomains] : [fallback];
}

const entraIssuer = /^https:\/\/(?:login\.microsoftonline\.com|sts\.windows\.net)\/([^/]+)/;

/** Whether the accounts are those of a tenant of Entra, and which. */
function tenantFindings({ where, values, elsewhere }: Oauth2ProxyOptions, { tenantId }: Given): Finding[] {
  const provider = values.get("provider")?.[0] ?? "google";
  const issuer = entraIssuer.exec(values.get("oidc_issuer_url")?.[0] ?? values.get("login_url")?.[0] ?? "");
  const isEntra = /^(?:azure|entra-id)$/.test(provider) || (provider === "oidc" && issuer !== null);
  if (!isEntra)
    return [
      blocks(
        where,
        elsewhere.includes("provider") || (provider === "oidc" && elsewhere.includes("oidc_issuer_url"))
          ? "provider is not in the files; who may enter is not known"
          : `provider "${provider}" has other accounts than Entra; who may enter has to be said again`,
      ),
    ];
  const named = values.get("azure_tenant")?.[0] ?? issuer?.[1] ?? "common";
  const isElsewhere = elsewhere.some((it) => ["azure_tenant", "oidc_issuer_url"].includes(it));
  const tenant = guid.safeParse(named.toLowerCase());
  if (!isElsewhere && /^(?:common|organizations)$/.test(named))
    return [
      closes(where, "accounts of any tenant could sign in; now only those of the environment's tenantId"),
    ];
  if (isElsewhere || !tenant.success)
    return [blocks(where, "the tenant is not said by its ID; it has to be the environment's tenantId")];
  if (tenantId === undefined) return [differs(where, `the environment's tenantId has to be ${tenant.data}`)];
  return tenant.data === tenantId
    ? []
    : [blocks(where, `its tenant is ${tenant.data}, the environment's is ${tenantId}: other accounts`)];
}

function domainsOf(
  { where, values, elsewhere }: Oauth2ProxyOptions,
  given: Given,
  hasGroups: boolean,
): {
  readonly settings: Pick<SiteSettings, "emailDomains" | "guests">;
  readonly findings: readonly Finding[];
} {
  const written = (values.get("email_domains") ?? []).map((it) => it.toLowerCase().replace(/^@/, ""));
  if (written.includes("*")) {
    if (given.emailDomains.length === 0 && hasGroups) return { settings: { guests: true }, findings: [] };
    const emailDomains = fallbackDomains(given);
    const domains = emailDomains.map((it) => `@${it}`).join(", ");
    return {
      settings: { emailDomains },
      findings: [closes(where, `email_domains was "*"; now only ${domains} (--email-domain names others)`)],
    };
  }
  const [usable, others] = [
    written.filter((it) => domain.safeParse(it).success),
    written.filter((it) => !domain.safeParse(it).success),
  ];
  const left = others.map((it) => closes(where, `email_domains "${it}" is no single domain`));
  if (usable.length > 0)
    return {
      settings: { emailDomains: usable },
      findings: [
        ...left,
        differs(
          where,
          "email_domains looked at the e-mail address, emailDomains looks at the user principal name: where these differ, other people may enter",
        ),
      ],
    };
  const why = elsewhere.includes("email_domains")
    ? "email_domains is not in the files"
    : "email_domains names nobody";
  return {
    settings: { emailDomains: fallbackDomains(given) },
    findings: [...left, blocks(where, `${why}, so it is not known who may enter`)],
  };
}

function groupsOf({ where, values, elsewhere }: Oauth2ProxyOptions): {
  readonly allowedGroups?: string[];
  readonly findings: readonly Finding[];
} {
  const written = values.get("allowed_groups") ?? [];
  if (elsewhere.includes("allowed_groups"))
    return { findings: [blocks(where, "allowed_groups is not in the files")] };
  if (written.length === 0) return { findings: [] };
  const claim = values.get("oidc_groups_claim")?.[0] ?? "groups";
  if (claim !== "groups")
    return { findings: [blocks(where, `allowed_groups are values of the claim "${claim}"; set roles`)] };
  const ids = written.map((it) => it.toLowerCase()).filter((it) => guid.safeParse(it).success);
  if (ids.length === written.length) return { allowedGroups: ids, findings: [] };
  return {
    ...(ids.length === 0 ? {} : { allowedGroups: ids }),
    findings: [
      (ids.length === 0 ? blocks : closes)(
        where,
        "allowed_groups has names that are no object IDs of groups in Entra",
      ),
    ],
  };
}

/** Options that restrict who may enter, and have no setting that means the same. */
const restricting =
  /^(?:allowed_roles|authenticated_emails_file|(?:github|gitlab|google|bitbucket|keycloak)_(?!url)\w+|entra_id_allowed_tenants|oidc_audience_claims|acr_values|azure_graph_group_field)$/;

/** Options that let in requests, or people, that a site does not; see open-paths.ts for `skip_auth_routes`. */
const opening =
  /^(?:skip_auth_preflight|trusted_ips|htpasswd_file|htpasswd_user_groups?|display_htpasswd_form|skip_jwt_bearer_tokens|extra_jwt_issuers|oidc_extra_audiences|gcp_healthchecks|ping_user_agent|bearer_token_login_fallback|insecure_oidc_\w+|ssl_insecure_skip_verify)$/;

/** Options that a site says in its own way, or has no need for. */
const own = new RegExp(
  "^(?:provider|client_id|client_secret(?:_file)?|cookie_\\w+|oidc_(?:issuer_url|jwks_url|email_claim|groups_claim|public_key_files)|azure_tenant|" +
    "login_url|redeem_url|profile_url|validate_url|backend_logout_url|redirect_url|relative_redirect_url|scope|resource|code_challenge_method|force_code_challenge_method|" +
    "skip_oidc_discovery|skip_claims_from_profile_url|skip_provider_button|provider_(?:display_name|ca_files)|user_id_claim|prefer_email_to_user|" +
    "approval_prompt|prompt|email_domains|allowed_groups|skip_auth_(?:routes|regex|strip_headers)|api_routes|whitelist_domains|" +
    "https?_address|reverse_proxy|real_client_ip_header|trusted_proxy_ips|metrics_\\w+|tls_\\w+|force_https|upstreams|upstream_timeout|" +
    "pass_\\w+|set_\\w+|basic_auth_password|proxy_prefix|proxy_websockets|flush_interval|ssl_upstream_insecure_skip_verify|" +
    "session_\\w+|redis_\\w+|standard_logging\\w*|request_logging\\w*|auth_logging\\w*|logging_\\w+|silence_ping_logging|exclude_logging_paths?|" +
    "request_id_header|ping_path|ready_path|custom_templates_dir|custom_sign_in_logo|banner|footer|show_debug_on_error|force_json_errors|encode_state|" +
    "use_system_trust_store|allow_query_semicolons|config|alpha_config|version|signature_key|errors_to_info_log|cookie_https_only|gcp_\\w+|jwt_key(?:_file)?|pubjwk_url|disable_keep_alives|" +
    "provider_display_name|allow_\\w+_cookie|additional_claims|enable_cookie_refresh)$",
);

/** Options for which a site has no setting, because it always does the same. */
const inItsOwnWay: Readonly<Record<string, string>> = {
  api_routes: "every request that is not for a page gets 401 in place of a redirect",
  whitelist_domains: "a sign-in leads back to the site, and nowhere else",
  htpasswd_user_groups: "there are no passwords",
  backend_logout_url: "signing out ends the session at Entra as well",
};

function otherRestrictions({ where, values, elsewhere }: Oauth2ProxyOptions): Finding[] {
  const names = [...new Set([...values.keys(), ...elsewhere])];
  const said = (name: string) => values.get(name)?.join() ?? "";
  const claim = values.get("oidc_email_claim")?.[0] ?? "email";
  const onlyAdds = (values.get("email_domains") ?? []).length > 0;
  return [
    ...(["email", "preferred_username", "upn"].includes(claim)
      ? []
      : [
          blocks(
            where,
            `oidc_email_claim "${claim}" is not the user principal name that emailDomains looks at`,
          ),
        ]),
    ...names.flatMap((name): Finding[] => {
      if (opening.test(name))
        return said(name) === "false" ? [] : [closes(where, `${name} has no setting: nobody gets in by it`)];
      if (name === "authenticated_emails_file")
        return onlyAdds
          ? [closes(where, `${name} let in more people; list them as users of a role`)]
          : [blocks(where, `${name} names the people; list them as users of a role`)];
      const done = inItsOwnWay[name];
      if (done !== undefined) return [differs(where, `${name}: ${done}`)];
      if (restricting.test(name))
        return [blocks(where, `${name} restricts who may enter, and has no setting`)];
      return own.test(name) ? [] : [blocks(where, `${name} is not known to the import`)];
    }),
  ];
}
