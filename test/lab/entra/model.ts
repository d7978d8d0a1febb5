/** What the emulated tenant consists of, as it lies in entra.json. Field names are Microsoft Graph's own. */

/** A role or delegated permission that an application defines. */
export interface AppRole {
  readonly id: string;
  readonly value: string | null;
  readonly displayName: string;
  readonly description: string;
  readonly allowedMemberTypes: readonly string[];
  readonly isEnabled: boolean;
}

/** A delegated permission that an application offers as a resource. */
export interface PermissionScope {
  readonly id: string;
  readonly value: string;
  readonly type: "User" | "Admin";
  readonly isEnabled: boolean;
}

/** One entry of `optionalClaims`. */
export interface OptionalClaim {
  readonly name: string;
  readonly additionalProperties?: readonly string[];
}

/** The properties of an application object; Graph keeps many more than this emulator looks at. */
export interface ApplicationObject {
  readonly id: string;
  readonly appId: string;
  readonly displayName: string;
  readonly signInAudience: string;
  /** A comma-separated list: None, SecurityGroup, ApplicationGroup, DirectoryRole, All. */
  readonly groupMembershipClaims: string | null;
  readonly appRoles: readonly AppRole[];
  readonly identifierUris: readonly string[];
  readonly api: {
    readonly requestedAccessTokenVersion: number | null;
    readonly oauth2PermissionScopes: readonly PermissionScope[];
  } & Readonly<Record<string, unknown>>;
  readonly web: {
    readonly redirectUris: readonly string[];
    readonly logoutUrl: string | null;
    readonly implicitGrantSettings: {
      readonly enableIdTokenIssuance: boolean;
      readonly enableAccessTokenIssuance: boolean;
    };
  } & Readonly<Record<string, unknown>>;
  readonly spa: { readonly redirectUris: readonly string[] };
  readonly publicClient: { readonly redirectUris: readonly string[] };
  readonly optionalClaims: {
    readonly idToken?: readonly OptionalClaim[];
    readonly accessToken?: readonly OptionalClaim[];
  } | null;
  readonly [property: string]: unknown;
}

/** A client secret; its text is known only to whoever asked for it. */
export interface Secret {
  readonly keyId: string;
  readonly displayName: string | null;
  /** The first three characters. */
  readonly hint: string;
  /** SHA-256, base64url. */
  readonly hash: string;
  readonly startDateTime: string;
  readonly endDateTime: string;
  /** Milliseconds since 1970 from which on the token endpoint knows it. */
  readonly knownFrom: number;
  /** How the token endpoint treats it before {@link knownFrom}. */
  readonly meanwhile: "refuse" | "alternate";
}

/** A trust in another issuer's tokens. */
export interface FederatedCredential {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly description: string | null;
}

/** An app registration with all that hangs on it. */
export interface Registration {
  application: ApplicationObject;
  /** Object IDs of service principals and users. */
  owners: string[];
  secrets: Secret[];
  federatedCredentials: FederatedCredential[];
  /** Set while it lies in /directory/deletedItems. */
  deletedDateTime?: string;
}

/** The properties of a service principal. */
export interface ServicePrincipalObject {
  readonly id: string;
  readonly appId: string;
  readonly displayName: string;
  readonly accountEnabled: boolean;
  readonly appRoleAssignmentRequired: boolean;
  readonly appRoles: readonly AppRole[];
  readonly oauth2PermissionScopes: readonly PermissionScope[];
  readonly [property: string]: unknown;
}

/** An application's account in the tenant. */
export interface Principal {
  servicePrincipal: ServicePrincipalObject;
  owners: string[];
}

/** Somebody of the tenant. */
export interface User {
  readonly id: string;
  /** Under which the lab's files and the control API know the user. */
  readonly key: string;
  readonly displayName: string;
  readonly givenName: string;
  readonly surname: string;
  readonly mail: string | null;
  readonly userPrincipalName: string;
  /** What is typed at the sign-in; a guest's is the name at home. */
  readonly signInName: string;
  readonly userType: "Member" | "Guest";
  /** Of a guest: the tenant at home. */
  readonly homeTenantId?: string;
  accountEnabled: boolean;
  passwordHash: string;
  /** Milliseconds since 1970; refresh tokens and sessions from before are void. */
  validFrom: number;
}

/** A group; nested where a member is a group. */
export interface Group {
  readonly id: string;
  readonly displayName: string;
  readonly description: string | null;
  readonly mailEnabled: boolean;
  readonly securityEnabled: boolean;
  readonly mailNickname: string;
  /** Object IDs of users and groups. */
  members: string[];
}

/** Who holds which role of which resource. */
export interface AppRoleAssignment {
  readonly id: string;
  readonly appRoleId: string;
  readonly principalId: string;
  readonly principalType: "User" | "Group" | "ServicePrincipal";
  readonly principalDisplayName: string;
  readonly resourceId: string;
  readonly resourceDisplayName: string;
  readonly createdDateTime: string;
}

/** A consent: an administrator's for everybody, or one person's own. */
export interface PermissionGrant {
  readonly id: string;
  /** Object IDs of service principals, not client IDs. */
  readonly clientId: string;
  readonly resourceId: string;
  readonly consentType: "AllPrincipals" | "Principal";
  readonly principalId: string | null;
  scope: string;
}

/** A conditional access policy, as far as the sign-in looks at it. */
export interface Policy {
  readonly id: string;
  readonly displayName: string;
  readonly state: "enabled" | "disabled" | "enabledForReportingButNotEnforced";
  readonly conditions: {
    readonly applications?: {
      readonly includeApplications?: readonly string[];
      readonly excludeApplications?: readonly string[];
    };
    readonly users?: {
      readonly includeUsers?: readonly string[];
      readonly excludeUsers?: readonly string[];
      readonly includeGroups?: readonly string[];
      readonly excludeGroups?: readonly string[];
    };
  };
  readonly grantControls?: {
    readonly operator?: string;
    readonly builtInControls?: readonly string[];
  } | null;
  readonly sessionControls?: {
    readonly signInFrequency?: {
      readonly isEnabled?: boolean;
      readonly value?: number | null;
      readonly type?: "hours" | "days" | null;
      readonly frequencyInterval?: "timeBased" | "everyTime";
    } | null;
  } | null;
  readonly createdDateTime: string;
  readonly modifiedDateTime: string | null;
}

/** A private RSA key as JWK, with the names under which its public half is published. */
export interface SigningKey {
  readonly kid: string;
  /** DER of a self-made certificate, base64. */
  readonly x5c: string;
  readonly privateJwk: Readonly<Record<string, unknown>>;
}

/** How the library's own objects (sessions, codes, refresh tokens, grants) are kept. */
export interface Stored {
  readonly payload: Readonly<Record<string, unknown>>;
  /** Seconds since 1970. */
  readonly expires: number | null;
}

/** What one half of Entra does instead of answering. */
export type Outage = "none" | "refuse" | "error" | "hang";

/** How Entra misbehaves. */
export interface Behaviour {
  /** How a secret that is made from now on behaves until the token endpoint knows it. */
  newSecrets: { readonly delaySeconds: number; readonly meanwhile: "refuse" | "alternate" };
  /** Graph answers 429 to as many calls. */
  throttle: { readonly calls: number; readonly retryAfterSeconds: number | null };
  outage: { readonly login: Outage; readonly graph: Outage };
  /** How many of the next changes Graph makes without an answer: the connection is cut instead. */
  lostAnswers: number;
  /** Added to the time in issued tokens. */
  clockSkewSeconds: number;
  /** Of access tokens and ID tokens; null is Entra's usual. */
  tokenLifetimeSeconds: number | null;
  /** The tenant's app management policy: for how many days a client secret may be good; 0 allows none, null any. */
  secretDays: number | null;
  /** The users (ada, bob, …) whose renewals conditional access answers with `interaction_required`. */
  interactionRequired: readonly string[];
  /** How many of the next parallel changes of an application's secrets get Directory_ConcurrencyViolation. */
  concurrencyViolations: number;
  /**
   * Of delta queries of users: how many come on a page; whether a state token is known, too old, or of a tenant that has
   * moved; and whether signInSessionsValidFromDateTime can be selected, of which the documentation says neither.
   */
  usersDelta: {
    readonly pageSize: number;
    readonly tokens: "known" | "expired" | "gone";
    readonly tracksSessions: boolean;
  };
}

/** What a state token of a delta query stands for. */
export interface DeltaToken {
  /** Milliseconds since 1970. */
  readonly made: number;
  /** The properties that are tracked; null is all. */
  readonly select: readonly string[] | null;
  /** What whoever has this token has been shown: JSON, by object ID. */
  readonly shown: Readonly<Record<string, string>>;
  /** What the pages after this one hold; null for a token that asks for what has changed since. */
  readonly rest: readonly Readonly<Record<string, unknown>>[] | null;
}

/** All of it. */
export interface Tenant {
  /** Which version of this file it is. */
  readonly format: number;
  readonly tenantId: string;
  users: User[];
  /** Those who lie in /directory/deletedItems. */
  deletedUsers: User[];
  /** By their texts. */
  deltaTokens: Record<string, DeltaToken>;
  groups: Group[];
  registrations: Registration[];
  principals: Principal[];
  appRoleAssignments: AppRoleAssignment[];
  permissionGrants: PermissionGrant[];
  policies: Policy[];
  /** Secret of the pairwise subject identifiers and of the cookies. */
  salt: string;
  /** The first one signs; all are published. */
  signingKeys: SigningKey[];
  /** Signs tokens for Graph; not published, as those are opaque to clients. */
  graphKey: SigningKey;
  /** The OpenID Connect library's own objects, by model and ID. */
  oidc: Record<string, Stored>;
  behaviour: Behaviour;
}
