/** Where the OpenID Connect library keeps its objects, and how it sees app registrations. */
import type { Adapter, AdapterPayload } from "oidc-provider";

import { registrationOf } from "./membership.ts";
import type { Registration } from "./model.ts";
import type { State } from "./state.ts";

/** Of one sign-in, how many refresh tokens stay valid. */
const mostRefreshTokens = 50;

/** The factory that the library wants. */
export function adapterOf(state: State): (model: string) => Adapter {
  return (model) => new TenantAdapter(state, model);
}

class TenantAdapter implements Adapter {
  readonly #state: State;
  readonly #model: string;

  constructor(state: State, model: string) {
    this.#state = state;
    this.#model = model;
  }

  upsert(id: string, payload: AdapterPayload, expiresIn: number | undefined): Promise<void> {
    // Graph's half reads tokens, not this store.
    if (this.#model === "AccessToken") return Promise.resolve();
    if (this.#model === "RefreshToken") this.#forgetOldest(payload.grantId);
    const expires = expiresIn === undefined ? null : Math.floor(Date.now() / 1000) + expiresIn;
    this.#state.tenant.oidc[this.#key(id)] = { payload, expires };
    return this.#state.save();
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    if (this.#model === "Client") {
      const registration = registrationOf(this.#state.tenant, id);
      return Promise.resolve(registration && clientOf(registration));
    }
    const found = this.#state.tenant.oidc[this.#key(id)];
    // The library changes what it gets.
    return Promise.resolve(found && (structuredClone(found.payload) as AdapterPayload));
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const entries = Object.entries(this.#state.tenant.oidc);
    const found = entries.find(
      ([key, { payload }]) => key.startsWith(`${this.#model}:`) && payload["uid"] === uid,
    );
    return Promise.resolve(found && (structuredClone(found[1].payload) as AdapterPayload));
  }

  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  consume(id: string): Promise<void> {
    // Entra gives a new refresh token at every refresh, and the old one stays valid.
    if (this.#model === "RefreshToken") return Promise.resolve();
    const found = this.#state.tenant.oidc[this.#key(id)];
    if (found !== undefined)
      this.#state.tenant.oidc[this.#key(id)] = {
        ...found,
        payload: { ...found.payload, consumed: Math.floor(Date.now() / 1000) },
      };
    return this.#state.save();
  }

  destroy(id: string): Promise<void> {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a map that is kept as JSON
    delete this.#state.tenant.oidc[this.#key(id)];
    return this.#state.save();
  }

  /** Nothing: at Entra neither a sign-out nor a code that comes twice ends a confidential client's refresh tokens. */
  revokeByGrantId(): Promise<void> {
    return Promise.resolve();
  }

  /** Entra would keep all of them for 90 days; a session that refreshes each second would fill the file. */
  #forgetOldest(grantId: string | undefined): void {
    const ofGrant = Object.entries(this.#state.tenant.oidc).filter(
      ([key, { payload }]) => key.startsWith("RefreshToken:") && payload["grantId"] === grantId,
    );
    for (const [key] of ofGrant.slice(0, Math.max(0, ofGrant.length - mostRefreshTokens)))
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a map that is kept as JSON
      delete this.#state.tenant.oidc[key];
  }

  #key(id: string): string {
    return `${this.#model}:${id}`;
  }
}

/** All places to which an application may be answered; a sign-out may lead to the same. */
export function redirectUrisOf({ application: { web, spa, publicClient } }: Registration): string[] {
  return [...web.redirectUris, ...spa.redirectUris, ...publicClient.redirectUris];
}

/**
 * An app registration as the library's client. Whether a secret is right is for token.ts to say: an application may
 * have several, of which the library knows nothing.
 */
function clientOf(registration: Registration): AdapterPayload {
  const { application } = registration;
  const { enableIdTokenIssuance } = application.web.implicitGrantSettings;
  const uris = redirectUrisOf(registration);
  const isPublic = application.web.redirectUris.length === 0 && uris.length > 0;
  return {
    client_id: application.appId,
    ...(isPublic ? {} : { client_secret: "judged elsewhere" }),
    token_endpoint_auth_method: isPublic ? "none" : "client_secret_post",
    redirect_uris: uris.length > 0 ? uris : ["https://none.invalid/"],
    grant_types: [
      "authorization_code",
      "refresh_token",
      "client_credentials",
      ...(enableIdTokenIssuance ? ["implicit"] : []),
    ],
    response_types: ["code", ...(enableIdTokenIssuance ? ["id_token", "code id_token"] : [])],
    // The library allows plain http for programs on a person's own machine only; what Entra allows has been checked.
    application_type: uris.some((uri) => uri.startsWith("http://")) ? "native" : "web",
  } as AdapterPayload;
}
