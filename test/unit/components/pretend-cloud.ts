/** Pulumi's mocks as a cloud that remembers what was asked of it. */
import * as pulumi from "@pulumi/pulumi";

import { tenantId } from "../../sites.ts";

/** One registered resource: what the engine would have been told. */
export interface Asked {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  /** Outputs that the state keeps secret because the program says so. */
  readonly secretOutputs: readonly string[];
  /** Names of the resources that are there before it. */
  readonly after: readonly string[];
  /** Names that it had before. */
  readonly aliases: readonly string[];
  /** The ID under which it is taken over, where it exists already. */
  readonly imported?: string;
}

const secretMark = "4dabf18193072939515e22adb298388d";

/** Outputs that only the real cloud knows, by the resource's type. Each is recognisable in a search. */
const generated: Record<string, (name: string) => Record<string, unknown>> = {
  "azuread:index/application:Application": () => ({ clientId: "client-id-from-entra", objectId: "object-1" }),
  "azuread:index/servicePrincipal:ServicePrincipal": () => ({ objectId: "principal-1" }),
  "azuread:index/applicationPassword:ApplicationPassword": (name) => ({ value: `SECRET of ${name}` }),
  "random:index/randomPassword:RandomPassword": (name) => ({ result: `SECRET-cookie-${name}` }),
  "tls:index/certRequest:CertRequest": () => ({ certRequestPem: "request" }),
  "tls:index/selfSignedCert:SelfSignedCert": (name) => ({
    certPem: `certificate of ${name}\n`,
    validityEndTime: "2036-01-01T00:00:00Z",
  }),
  "tls:index/locallySignedCert:LocallySignedCert": (name) => ({ certPem: `certificate of ${name}\n` }),
  "tls:index/privateKey:PrivateKey": (name) => ({
    privateKeyPem: `SECRET-key of ${name}`,
    privateKeyOpenssh: "SECRET-private-key",
    publicKeyOpenssh: "ssh-ed25519 AAAA deployer",
  }),
};

/** What is used here of the SDK's own monitor. */
interface Monitor {
  registerResource(
    request: {
      getAdditionalsecretoutputsList(): string[];
      getDependenciesList(): string[];
      getAliasesList(): { getSpec(): { getName(): string } | undefined }[];
      getImportid(): string;
    },
    answer: unknown,
  ): Promise<void>;
  registerResourceHook: TakeHook;
  registerErrorHook: TakeHook;
}
type TakeHook = (request: unknown, answer: (error: null, response: object) => void) => void;

/**
 * Runs a program on the pretend cloud.
 * @param how.preview as in `pulumi preview`: what the cloud generates is unknown
 * @param how.signedInTo the tenant of the credentials
 * @param how.calls gets the name of each function that it calls
 */
export async function deployed(
  program: () => unknown,
  {
    preview = false,
    signedInTo = tenantId,
    calls = [],
  }: { readonly preview?: boolean; readonly signedInTo?: string; readonly calls?: string[] } = {},
): Promise<Asked[]> {
  const asked: Asked[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        asked.push({ type, name, inputs: inputs as Record<string, unknown>, ...options });
        const outputs = preview ? {} : (generated[type]?.(name) ?? {});
        return { id: preview ? undefined : `${name}-id`, state: { ...inputs, ...outputs } as object };
      },
      call: ({ token }) => {
        calls.push(token);
        return { objectId: `object of ${token}`, tenantId: signedInTo };
      },
    },
    "protected-sites",
    "test",
    preview,
  );
  // Mocks do not tell the options of a resource; the request to the engine does, right before its mock.
  let options: Pick<Asked, "secretOutputs" | "after" | "aliases" | "imported"> = {
    secretOutputs: [],
    after: [],
    aliases: [],
  };
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, answer) => {
    options = {
      secretOutputs: request.getAdditionalsecretoutputsList(),
      after: request.getDependenciesList().map((urn) => urn.split("::").at(-1) ?? urn),
      aliases: request.getAliasesList().map((alias) => alias.getSpec()?.getName() ?? ""),
      ...(request.getImportid() === "" ? {} : { imported: request.getImportid() }),
    };
    return register(request, answer);
  };
  // The SDK's own does not know hooks; here nothing ever calls one.
  const take: TakeHook = (_, answer) => {
    answer(null, {});
  };
  Object.assign(monitor, { registerResourceHook: take, registerErrorHook: take });
  await program();
  // Waits for every registration, so that none runs into the next pretend cloud.
  await pulumi.runtime.disconnect();
  return asked;
}

/** Whether a value arrives at the engine marked as secret. */
export function isSecret(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).includes(secretMark);
}

/** All texts of a value that the engine stores in the clear: everything outside of secrets. */
export function clearTexts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || isSecret(value)) return [];
  return Object.values(value).flatMap(clearTexts);
}

/** A value as a person reads it: what is marked as secret says so, and what is generated and secret is left out. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === "string") return value.includes("SECRET") ? "<secret>" : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutSecrets);
  return Object.fromEntries(
    Object.entries(value).map(([key, it]: [string, unknown]) =>
      isSecret(it)
        ? [`${key} (secret)`, withoutSecrets((it as { value: unknown }).value)]
        : [key, withoutSecrets(it)],
    ),
  );
}
