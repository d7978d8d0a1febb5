/** Client of the emulator's control API: makes Entra misbehave, and tells what it saw. */
import type { Behaviour, SeenRequest } from "./behaviour.ts";

export type { Behaviour, Outage, SeenRequest } from "./behaviour.ts";

/** An app registration, and the IDs of the client secrets that it has now. */
export interface Registration {
  /** Object ID. */
  readonly id: string;
  /** Client ID. */
  readonly appId: string;
  readonly displayName: string;
  readonly keyIds: readonly string[];
}

/** The control API at an address; every call throws where the emulator refuses or is not there. */
export class EntraControl {
  readonly #url: string;

  /** @param url - for example `http://192.0.2.2:8400` */
  constructor(url: string) {
    this.#url = url;
  }

  /** How the emulator behaves now. */
  behaviour = () => this.#call<Behaviour>("GET", "/behaviour");
  /** Changes what is named, until {@link reset}. */
  behave = (change: Partial<Behaviour>) => this.#call<Behaviour>("PATCH", "/behaviour", change);
  /** The requests since the start, or since they were last forgotten, oldest first. */
  requests = () => this.#call<SeenRequest[]>("GET", "/requests");
  forgetRequests = () => this.#call<null>("DELETE", "/requests");
  /** All app registrations, the deployer's among them. */
  registrations = () => this.#call<Registration[]>("GET", "/applications");
  /** Ends somebody's sessions and voids their refresh tokens; `user` is what they sign in with. */
  revokeSessions = (user: string) => this.#call<null>("POST", `/users/${encodeURIComponent(user)}/revoke`);
  setEnabled = (user: string, enabled: boolean) =>
    this.#call<null>("PUT", `/users/${encodeURIComponent(user)}/enabled`, enabled);
  /** Object IDs of all groups that somebody is in from now on; unknown groups are made. */
  setGroups = (user: string, groups: readonly string[]) =>
    this.#call<null>("PUT", `/users/${encodeURIComponent(user)}/groups`, groups);
  /** Application permissions at Graph that the deployer's next token carries. */
  setDeployerPermissions = (permissions: readonly string[]) =>
    this.#call<null>("PUT", "/deployer/permissions", permissions);
  /**
   * Good behaviour, no requests seen, all secrets valid, the people and the deployer's permissions as at first.
   * Registrations stay, and so do revocations.
   */
  reset = () => this.#call<null>("POST", "/reset");

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.#url + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    if (!response.ok)
      throw new Error(`${method} ${this.#url}${path}: ${(answer as { error: string }).error}`);
    return answer as T;
  }
}
