/** Makes the emulated Entra misbehave, changes its directory, and tells what it saw. */
import type { Behaviour } from "./model.ts";
import type { ApplicationPermission } from "./permissions.ts";
import type { LoggedRequest } from "./request-log.ts";
import type { SignInEntry } from "./sign-in-log.ts";

export type { Behaviour, Outage } from "./model.ts";
export type { LoggedRequest } from "./request-log.ts";
export type { SignInEntry } from "./sign-in-log.ts";

/** A secret of an application, without its text. */
export interface SecretSummary {
  readonly keyId: string;
  readonly displayName: string | null;
  readonly startDateTime: string;
  readonly endDateTime: string;
}

/** An application of the tenant, with what it has left behind. */
export interface ApplicationSummary {
  readonly objectId: string;
  readonly clientId: string;
  readonly displayName: string;
  /** Whether it lies in /directory/deletedItems. */
  readonly deleted: boolean;
  /** Object ID, unless it has none. */
  readonly servicePrincipalId: string | null;
  readonly secrets: readonly SecretSummary[];
  /** Of its service principal. */
  readonly assignments: number;
  readonly consents: number;
}

/** What the control API takes and gives, by command. */
export interface Commands {
  behave: { readonly takes: Partial<Behaviour>; readonly gives: Behaviour };
  reset: { readonly takes: { readonly directory?: boolean }; readonly gives: null };
  requests: { readonly takes: object; readonly gives: readonly LoggedRequest[] };
  clearRequests: { readonly takes: object; readonly gives: null };
  signIns: { readonly takes: object; readonly gives: readonly SignInEntry[] };
  applications: { readonly takes: object; readonly gives: readonly ApplicationSummary[] };
  expireSecret: { readonly takes: { readonly keyId: string }; readonly gives: null };
  setPermissions: {
    readonly takes: { readonly permissions: readonly ApplicationPermission[] };
    readonly gives: null;
  };
  setGroupMembers: {
    readonly takes: { readonly group: string; readonly users: readonly string[] };
    readonly gives: null;
  };
  setGroups: {
    readonly takes: { readonly user: string; readonly groups: readonly string[] };
    readonly gives: null;
  };
  setEnabled: { readonly takes: { readonly user: string; readonly enabled: boolean }; readonly gives: null };
  deleteUser: { readonly takes: { readonly user: string }; readonly gives: null };
  restoreUser: { readonly takes: { readonly user: string }; readonly gives: null };
  renameUser: { readonly takes: { readonly user: string; readonly name: string }; readonly gives: null };
  revokeSessions: { readonly takes: { readonly user: string }; readonly gives: null };
  ageSignIns: { readonly takes: { readonly user: string; readonly hours: number }; readonly gives: null };
  rollKeys: { readonly takes: object; readonly gives: null };
}

/** The client. Users are named ada, bob, …; groups by object ID or name. */
export class EntraControl {
  readonly #url: string;

  /** @param url - `http://192.0.2.2:8400` in the lab */
  constructor(url: string) {
    this.#url = url;
  }

  /** Changes how Entra behaves; what is not named stays. The outage's halves are given together. */
  behave(behaviour: Partial<Behaviour>): Promise<Behaviour> {
    return this.#send("behave", behaviour);
  }

  /**
   * Ends all misbehaviour, forgets the logs, and puts people, groups and the deployer's permissions back; registrations
   * stay, and so do revoked sessions. With `directory` they go, too: of the tenant only passwords, keys and the
   * deployer's secret stay.
   */
  async reset(args: Commands["reset"]["takes"] = {}): Promise<void> {
    await this.#send("reset", args);
  }

  /** What was asked of Entra, oldest first; never a secret. */
  requests(): Promise<readonly LoggedRequest[]> {
    return this.#send("requests", {});
  }

  /** Forgets the requests and sign-ins up to now. */
  async clearRequests(): Promise<void> {
    await this.#send("clearRequests", {});
  }

  /** The log of sign-ins, with what each conditional access policy made of it, report-only ones too. */
  signIns(): Promise<readonly SignInEntry[]> {
    return this.#send("signIns", {});
  }

  /** All applications but the deployer, deleted ones too: shows what a run has left behind. */
  applications(): Promise<readonly ApplicationSummary[]> {
    return this.#send("applications", {});
  }

  /** Ends a secret now. */
  async expireSecret(keyId: string): Promise<void> {
    await this.#send("expireSecret", { keyId });
  }

  /** Gives the deployer exactly these permissions of Graph; its next token tells. */
  async setPermissions(permissions: readonly ApplicationPermission[]): Promise<void> {
    await this.#send("setPermissions", { permissions });
  }

  /** Makes these users the only members of a group. */
  async setGroupMembers(group: string, users: readonly string[]): Promise<void> {
    await this.#send("setGroupMembers", { group, users });
  }

  /** Makes these the only groups of a user. */
  async setGroups(user: string, groups: readonly string[]): Promise<void> {
    await this.#send("setGroups", { user, groups });
  }

  /** Enables or disables a user. */
  async setEnabled(user: string, enabled: boolean): Promise<void> {
    await this.#send("setEnabled", { user, enabled });
  }

  /** Deletes a user, who can be restored. */
  async deleteUser(user: string): Promise<void> {
    await this.#send("deleteUser", { user });
  }

  /** Restores a deleted user. */
  async restoreUser(user: string): Promise<void> {
    await this.#send("restoreUser", { user });
  }

  /** Gives a user another UPN, which is also what is typed at the sign-in. */
  async renameUser(user: string, name: string): Promise<void> {
    await this.#send("renameUser", { user, name });
  }

  /** An administrator's "revoke sessions": sign-ins and refresh tokens from before are void. */
  async revokeSessions(user: string): Promise<void> {
    await this.#send("revokeSessions", { user });
  }

  /** Moves the user's sign-ins up to now so many hours back: they count as older, here and when a session is renewed. */
  async ageSignIns(user: string, hours: number): Promise<void> {
    await this.#send("ageSignIns", { user, hours });
  }

  /** Entra signs with another key from now on; both are published. */
  async rollKeys(): Promise<void> {
    await this.#send("rollKeys", {});
  }

  async #send<C extends keyof Commands>(
    command: C,
    args: Commands[C]["takes"],
  ): Promise<Commands[C]["gives"]> {
    const response = await fetch(`${this.#url}/${command}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(args),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Entra's control API, ${command}: ${text}`);
    return JSON.parse(text) as Commands[C]["gives"];
  }
}
