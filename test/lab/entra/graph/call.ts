/** One call to Graph, and what the caller may do. */
import type { Registration, Principal, Tenant } from "../model.ts";
import type { State } from "../state.ts";
import { denied, GraphRefusal } from "./errors.ts";

/** Who calls: an application, or a person through one. */
export interface Caller {
  readonly kind: "application" | "user";
  /** Object ID. */
  readonly id: string;
  readonly appId: string;
  /** Application permissions, or the delegated ones of a person's token. */
  readonly permissions: ReadonlySet<string>;
}

/** A call. */
export interface GraphCall {
  readonly state: State;
  readonly tenant: Tenant;
  readonly caller: Caller;
  readonly version: "v1.0" | "beta";
  /** Without host and version. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An answer; without a body for 204. */
export interface GraphAnswer {
  readonly status: number;
  readonly body?: unknown;
}

/** A call's method and path, and what does it. Groups of the path are the handler's further arguments. */
export type Route = readonly [
  method: "GET" | "POST" | "PATCH" | "DELETE",
  path: RegExp,
  handle: (call: GraphCall, ...ids: readonly string[]) => GraphAnswer | Promise<GraphAnswer>,
];

/** Whether the caller has one of these permissions. */
export function may({ caller }: GraphCall, ...oneOf: readonly string[]): boolean {
  return oneOf.some((permission) => caller.permissions.has(permission));
}

/** @throws GraphRefusal 403 unless the caller has one of these permissions */
export function require(call: GraphCall, ...oneOf: readonly string[]): void {
  if (!may(call, ...oneOf)) throw denied();
}

/** @throws GraphRefusal 403 unless the caller may change every application, or this one as an owner */
export function requireOwnership(call: GraphCall, { owners }: Registration | Principal): void {
  if (may(call, "Application.ReadWrite.All")) return;
  if (may(call, "Application.ReadWrite.OwnedBy") && owners.includes(call.caller.id)) return;
  throw denied();
}

/** Conditional access words its refusal differently. */
export function requireForPolicies(call: GraphCall, ...all: readonly string[]): void {
  if (!all.every((permission) => may(call, permission)))
    throw new GraphRefusal(
      403,
      "AccessDenied",
      "You cannot perform the requested operation, required scopes are missing in the token.",
    );
}

/** The object IDs behind `owners@odata.bind` or `@odata.id`. */
export function boundIds(value: unknown): string[] {
  const urls = Array.isArray(value) ? (value as unknown[]) : value === undefined ? [] : [value];
  return urls.map((url) => String(url).split("/").at(-1) ?? "");
}
