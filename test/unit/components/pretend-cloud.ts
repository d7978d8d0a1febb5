/** Pulumi's mocks as a cloud that remembers what was asked of it. */
import * as pulumi from "@pulumi/pulumi";

/** One registered resource: what the engine would have been told. */
export interface Asked {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

const secretMark = "4dabf18193072939515e22adb298388d";

/** Outputs that only the real cloud knows, by the resource's type. Each is recognisable in a search. */
const generated: Record<string, (name: string) => Record<string, unknown>> = {
  "azuread:index/application:Application": () => ({ clientId: "client-id-from-entra", objectId: "object-1" }),
  "azuread:index/servicePrincipal:ServicePrincipal": () => ({ objectId: "principal-1" }),
  "azuread:index/applicationPassword:ApplicationPassword": () => ({ value: "SECRET-client" }),
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

/**
 * Runs a program on the pretend cloud.
 * @param preview as in `pulumi preview`: what the cloud generates is unknown
 */
export async function deployed(program: () => unknown, { preview = false } = {}): Promise<Asked[]> {
  const asked: Asked[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        asked.push({ type, name, inputs: inputs as Record<string, unknown> });
        const outputs = preview ? {} : (generated[type]?.(name) ?? {});
        return { id: preview ? undefined : `${name}-id`, state: { ...inputs, ...outputs } as object };
      },
      call: ({ token }) => ({ objectId: `object of ${token}` }),
    },
    "protected-sites",
    "test",
    preview,
  );
  program();
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
