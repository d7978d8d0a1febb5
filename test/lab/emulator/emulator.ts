/** What all parts of the emulator share. */
import { type Behaviour, goodBehaviour, type SeenRequest } from "./behaviour.ts";
import type { Application, ServicePrincipal, State, Store, User } from "./state.ts";

/** How many requests are remembered. */
const remembered = 5000;

/** A running tenant. */
export class Emulator {
  readonly store: Store;
  readonly behaviour: Behaviour = { ...goodBehaviour };
  readonly requests: SeenRequest[] = [];
  /** Codes that have been redeemed; they hold for minutes, so need not outlive the process. */
  readonly redeemed = new Set<string>();

  constructor(store: Store) {
    this.store = store;
  }

  get state(): State {
    return this.store.state;
  }

  get issuer(): string {
    return `https://login.microsoftonline.com/${this.state.tenantId}/v2.0`;
  }

  /** Milliseconds since 1970 by Entra's clock. */
  now(): number {
    return Date.now() + this.behaviour.clockSkew * 1000;
  }

  /** Remembers a request; what is learned of it later is written into the same object. */
  saw(request: SeenRequest): SeenRequest {
    this.requests.push(request);
    if (this.requests.length > remembered) this.requests.shift();
    return request;
  }

  applicationOf(appId: string): Application | undefined {
    return Object.values(this.state.applications).find((one) => one.appId === appId.toLowerCase());
  }

  principalOf(appId: string): ServicePrincipal | undefined {
    return Object.values(this.state.servicePrincipals).find((one) => one.appId === appId.toLowerCase());
  }

  /** By what a person types. */
  userOf(signInName: string): User | undefined {
    return Object.values(this.state.users).find((one) => one.signInName === signInName.trim().toLowerCase());
  }
}
