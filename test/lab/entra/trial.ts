/** An emulator on loopback, for tests: with its own certificate, in a folder that goes with it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { certify, makeAuthority } from "../certificates.ts";
import { EntraControl } from "./control.ts";
import { type Credentials, readCredentials, tenantId } from "./directory.ts";
import { graphAppId } from "./permissions.ts";
import { type EmulatorArgs, startEmulator } from "./server.ts";
import { type Page, type Visit, Visitor } from "./visitor.ts";

/** Where the applications of a trial would be. Nothing listens there: visitors stop before it. */
export const callback = "https://app.lab.test/oauth2/callback";

/** What all sites ask for. */
export const usualScope = "openid profile email offline_access";

/** An answer in JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Page["headers"];
  readonly body: Readonly<Record<string, unknown>>;
}

/** An app registration that a trial has made. */
export interface TrialApplication {
  readonly objectId: string;
  readonly clientId: string;
  readonly servicePrincipalId: string;
  readonly secret: string;
  readonly keyId: string;
}

/** An emulator on trial. */
export class Trial {
  readonly directory: string;
  readonly control: EntraControl;
  readonly users: Credentials["users"];
  readonly deployer: Credentials["deployer"];
  /** PEM of the authority to trust. */
  readonly ca: string;
  #args: EmulatorArgs;
  #emulator: Awaited<ReturnType<typeof startEmulator>>;

  private constructor(args: EmulatorArgs, ca: string, emulator: Awaited<ReturnType<typeof startEmulator>>) {
    this.#args = args;
    this.#emulator = emulator;
    this.ca = ca;
    this.directory = args.state;
    this.control = new EntraControl(emulator.controlUrl);
    ({ users: this.users, deployer: this.deployer } = readCredentials(args.state));
  }

  /** Starts one; without a port on any that is free. */
  static async start({ listen = "127.0.0.1", port: wanted = 0 } = {}): Promise<Trial> {
    const authority = await makeAuthority("trial");
    const { certificate, key } = await certify(authority, [
      "login.microsoftonline.com",
      "graph.microsoft.com",
    ]);
    const state = await mkdtemp(join(tmpdir(), "protected-sites-entra-"));
    const args = { state, listen, port: wanted, controlPort: 0, certificate, key };
    const emulator = await startEmulator(args);
    const { port, controlUrl } = emulator;
    // A restart finds the same ports again.
    const same = { ...args, port, controlPort: Number(new URL(controlUrl).port) };
    return new Trial(same, authority.certificate, emulator);
  }

  /** Ends it and starts it again with the same folder. @param meanwhile - done while nothing runs */
  async restart(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.#emulator.close();
    await meanwhile();
    this.#emulator = await startEmulator(this.#args);
  }

  async close(): Promise<void> {
    await this.#emulator.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Somebody new, who ends at the application's door. */
  visitor(): Visitor {
    return new Visitor({
      ca: this.ca,
      resolve: () => ({ address: this.#args.listen, port: this.#emulator.port }),
      stopAt: ({ hostname }) => hostname === "app.lab.test",
    });
  }

  /** The URL of a sign-in for an application. */
  authorizeUrl(clientId: string, changes: Readonly<Record<string, string | undefined>> = {}): string {
    const all: Readonly<Record<string, string | undefined>> = {
      client_id: clientId,
      response_type: "code",
      redirect_uri: callback,
      scope: usualScope,
      state: "state-1",
      nonce: "nonce-1",
      ...changes,
    };
    const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return `${loginUrl}/oauth2/v2.0/authorize?${new URLSearchParams(given).toString()}`;
  }

  /** Signs in and returns the parameters with which the application is answered. */
  async signIn(
    { clientId }: TrialApplication,
    user: keyof Credentials["users"],
    changes: Readonly<Record<string, string>> = {},
    visitor = this.visitor(),
  ): Promise<URLSearchParams> {
    const page = await visitor.open(this.authorizeUrl(clientId, changes));
    return parametersOf(await visitor.signIn(page, this.users[user]));
  }

  /** Asks the token endpoint. */
  async token(
    parameters: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.#json(`${loginUrl}/oauth2/v2.0/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      body: new URLSearchParams(parameters).toString(),
    });
  }

  /** Redeems a code as the application. */
  redeem(
    { clientId, secret }: TrialApplication,
    code: string | null,
    changes: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.token({
      client_id: clientId,
      client_secret: secret,
      grant_type: "authorization_code",
      redirect_uri: callback,
      code: code ?? "",
      ...changes,
    });
  }

  /** Refreshes as the application. */
  refresh(
    { clientId, secret }: TrialApplication,
    token: unknown,
    changes: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.token({
      client_id: clientId,
      client_secret: secret,
      grant_type: "refresh_token",
      refresh_token: String(token),
      ...changes,
    });
  }

  /** Proves a secret, as hosts do. */
  prove(clientId: string, secret: string): Promise<Answer> {
    return this.token({
      client_id: clientId,
      client_secret: secret,
      grant_type: "client_credentials",
      scope: "https://graph.microsoft.com/.default",
    });
  }

  /** Calls Graph as the deployer, whose token is new each time. @param path - with the version */
  async graph(method: string, path: string, body?: unknown): Promise<Answer> {
    const { clientId, clientSecret } = this.deployer;
    const answer = await this.prove(clientId, clientSecret);
    return this.graphAs(String(answer.body["access_token"]), method, path, body);
  }

  /** Calls Graph with a token. */
  graphAs(token: string, method: string, path: string, body?: unknown): Promise<Answer> {
    return this.#json(`https://graph.microsoft.com${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Reads a document of the login host. */
  document(path: string): Promise<Answer> {
    return this.#json(`https://login.microsoftonline.com${path}`);
  }

  /** Registers an application as the deployer does: with a service principal, an administrator's consent and a secret. */
  async register({
    application = {},
    principal = {},
    consent = usualScope,
  }: {
    readonly application?: Readonly<Record<string, unknown>>;
    readonly principal?: Readonly<Record<string, unknown>>;
    readonly consent?: string;
  } = {}): Promise<TrialApplication> {
    const made = await this.#make("/v1.0/applications", {
      displayName: "site",
      signInAudience: "AzureADMyOrg",
      web: { redirectUris: [callback, "https://app.lab.test/signed-out"] },
      ...application,
    });
    const own = await this.#make("/v1.0/servicePrincipals", { appId: made["appId"], ...principal });
    if (consent !== "") {
      const graph = await this.graphPrincipalId();
      const grant = { clientId: own["id"], resourceId: graph, consentType: "AllPrincipals", scope: consent };
      await this.#make("/v1.0/oauth2PermissionGrants", grant);
    }
    const objectId = String(made["id"]);
    const secret = await this.#make(`/v1.0/applications/${objectId}/addPassword`, { passwordCredential: {} });
    return {
      objectId,
      clientId: String(made["appId"]),
      servicePrincipalId: String(own["id"]),
      secret: String(secret["secretText"]),
      keyId: String(secret["keyId"]),
    };
  }

  /** Object ID of Microsoft Graph's service principal. */
  async graphPrincipalId(): Promise<string> {
    const filter = new URLSearchParams({ $filter: `appId eq '${graphAppId}'` }).toString();
    const { body } = await this.graph("GET", `/v1.0/servicePrincipals?${filter}`);
    return (body["value"] as { readonly id: string }[])[0]?.id ?? "";
  }

  async #make(path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.graph("POST", path, body);
    if (answer.status >= 300)
      throw new Error(`POST ${path}: ${String(answer.status)} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async #json(url: string, visit?: Visit): Promise<Answer> {
    const { status, headers, body } = await this.visitor().fetch(url, visit);
    return { status, headers, body: body === "" ? {} : (JSON.parse(body) as Record<string, unknown>) };
  }
}

/** The tenant's endpoints. */
export const loginUrl = `https://login.microsoftonline.com/${tenantId}`;

/** What the application is told, in the query or in the fragment. */
export function parametersOf({ url }: Page): URLSearchParams {
  const { searchParams, hash } = new URL(url);
  return hash.length > 1 ? new URLSearchParams(hash.slice(1)) : searchParams;
}

/** The claims of a token, unchecked. */
export function claimsOf(token: unknown): Readonly<Record<string, unknown>> {
  const [, payload = ""] = String(token).split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}

/** The AADSTS number on a page of Entra's. */
export function codeOn({ body }: Page): number {
  return Number(/AADSTS(\d+)/.exec(body)?.[1] ?? NaN);
}
