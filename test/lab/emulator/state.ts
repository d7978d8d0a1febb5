/** What the emulator remembers, in one file. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { JWK } from "jose";

/** An object of the directory as Microsoft Graph shows it. */
export interface DirectoryObject {
  readonly id: string;
  [property: string]: unknown;
}

/** A client secret as Graph shows it, without its text. */
export interface PasswordCredential {
  readonly keyId: string;
  readonly displayName: string | null;
  readonly hint: string;
  readonly startDateTime: string;
  readonly endDateTime: string;
  readonly secretText: null;
  readonly customKeyIdentifier: null;
}

/** An app registration. */
export interface Application extends DirectoryObject {
  readonly appId: string;
  displayName: string;
  passwordCredentials: PasswordCredential[];
  owners: string[];
}

/** An application's account in the tenant. */
export interface ServicePrincipal extends DirectoryObject {
  readonly appId: string;
  owners: string[];
}

/** Somebody of the tenant. */
export interface User extends DirectoryObject {
  /** What the person types, and what `preferred_username` says. */
  readonly signInName: string;
  readonly userPrincipalName: string;
  readonly displayName: string;
  readonly userType: "Guest" | "Member";
  readonly mail: string | null;
  /** Of {@link hashOf}. */
  readonly passwordHash: string;
  accountEnabled: boolean;
  /** Milliseconds since 1970; sessions and refresh tokens from before are void. */
  sessionsValidFrom: number;
}

/** A security group. */
export interface Group extends DirectoryObject {
  readonly displayName: string;
  /** Object IDs. */
  members: string[];
}

/** Who may use an application. */
export interface AppRoleAssignment extends DirectoryObject {
  readonly appRoleId: string;
  readonly principalId: string;
  readonly resourceId: string;
}

/** Consent to delegated permissions. */
export interface PermissionGrant extends DirectoryObject {
  readonly clientId: string;
  readonly resourceId: string;
  readonly consentType: "AllPrincipals" | "Principal";
  readonly principalId: string | null;
  scope: string;
}

/** What the emulator knows of a client secret beyond what it shows. */
export interface Secret {
  readonly hash: string;
  /** Milliseconds since 1970; before, the secret is not known everywhere. */
  readonly settledAt: number;
  /** Whether, until then, every second attempt succeeds; otherwise none does. */
  readonly alternates: boolean;
  /** Attempts until it settled. */
  attempts: number;
}

/** All of it. */
export interface State {
  readonly tenantId: string;
  /** RS256 keys; the first one signs. */
  readonly signingKeys: JWK[];
  /** Encrypts codes, refresh tokens and sessions; 32 bytes in base64url. */
  readonly encryptionKey: string;
  readonly applications: Record<string, Application>;
  readonly servicePrincipals: Record<string, ServicePrincipal>;
  readonly users: Record<string, User>;
  readonly groups: Record<string, Group>;
  readonly appRoleAssignments: Record<string, AppRoleAssignment>;
  readonly permissionGrants: Record<string, PermissionGrant>;
  readonly policies: Record<string, DirectoryObject>;
  /** By key ID. */
  secrets: Record<string, Secret>;
  /** Application permissions of the deployer at Graph. */
  deployerPermissions: string[];
}

/** The state and the folder it lies in. */
export class Store {
  readonly state: State;
  readonly #directory: string;

  constructor(directory: string, state: State) {
    this.#directory = directory;
    this.state = state;
  }

  /** Writes the state; a reader finds the old or the new one, whole. */
  save(): void {
    writeWhole(join(this.#directory, stateFile), this.state);
  }
}

const stateFile = "entra.json";

/** @returns nothing where the folder has no state yet */
export function readState(directory: string): State | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, stateFile), "utf8")) as State;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes JSON that only its owner may read, aside first. */
export function writeWhole(path: string, value: unknown): void {
  mkdirSync(join(path, ".."), { recursive: true });
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  chmodSync(aside, 0o600);
  renameSync(aside, path);
}
