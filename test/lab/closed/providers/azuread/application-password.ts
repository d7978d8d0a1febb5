/** azuread.ApplicationPassword: a client secret. */
import type { Properties, ResourceType } from "../provider.ts";
import { GraphError, notFound, settled } from "./graph.ts";
import { graph, oneAtATime } from "./session.ts";

interface ApplicationPassword {
  /** `/applications/<object ID>` */
  readonly applicationId: string;
  readonly displayName?: string;
  /** RFC 3339. */
  readonly startDate?: string;
  readonly endDate?: string;
}

interface Credential {
  readonly keyId: string;
  readonly displayName?: string | null;
  readonly startDateTime: string;
  readonly endDateTime: string;
  readonly secretText?: string | null;
}

/** The resource type; its ID is `<application's object ID>/password/<key ID>`. Any change makes a new secret. */
export const applicationPassword: ResourceType = {
  // `endDateRelative` is left out: it is deprecated, and a date that moves at every run.
  inputs: {
    applicationId: { required: true, replaces: true },
    displayName: { replaces: true },
    startDate: { replaces: true },
    endDate: { replaces: true },
    rotateWhenChanged: { replaces: true },
  },
  computed: ["keyId", "value", "displayName", "startDate", "endDate"],
  secret: ["value"],

  create: (inputs, { signal }) => {
    const wanted = inputs as unknown as ApplicationPassword;
    const objectId = objectIdOf(wanted.applicationId);
    return oneAtATime(objectId, async () => {
      const path = `/v1.0/applications/${objectId}`;
      try {
        await graph().get(path, { signal });
      } catch (error) {
        throw notFound(error) ? new Error(`Application (Application: "${objectId}") was not found`) : error;
      }
      const made = (await graph().post(
        `${path}/addPassword`,
        {
          passwordCredential: {
            ...(wanted.displayName === undefined ? {} : { displayName: wanted.displayName }),
            ...(wanted.startDate === undefined ? {} : { startDateTime: wanted.startDate }),
            ...(wanted.endDate === undefined ? {} : { endDateTime: wanted.endDate }),
          },
        },
        { signal },
      )) as unknown as Credential;
      if (!made.secretText) throw new GraphError(200, "nil or empty password received");
      await settled(
        1,
        `waiting for password credential for ${wanted.applicationId}`,
        async () => (await find(path, made.keyId)) !== undefined,
        900,
      );
      const outputs = flatten((await find(path, made.keyId)) ?? made);
      return { id: `${objectId}/password/${made.keyId}`, outputs: { ...outputs, value: made.secretText } };
    });
  },

  read: async (id, state) => {
    const { path, keyId } = partsOf(id);
    try {
      const found = await find(path, keyId);
      // The value is told once, when it is made.
      return found === undefined ? undefined : { ...flatten(found), value: state["value"] };
    } catch (error) {
      if (notFound(error)) return undefined;
      throw error;
    }
  },

  delete: (id, _state, { signal }) => {
    const { objectId, path, keyId } = partsOf(id);
    return oneAtATime(objectId, async () => {
      await graph().post(`${path}/removePassword`, { keyId }, { signal });
      await settled(
        5,
        `waiting for deletion of password credential "${keyId}"`,
        async () => (await find(path, keyId)) === undefined,
      );
    });
  },
};

function objectIdOf(applicationId: string): string {
  const objectId = /^\/applications\/([^/]+)$/.exec(applicationId)?.[1];
  if (objectId === undefined)
    throw new Error(`applicationId must be /applications/<object ID>, got ${applicationId}`);
  return objectId;
}

function partsOf(id: string) {
  const [objectId = "", , keyId = ""] = id.split("/");
  return { objectId, keyId, path: `/v1.0/applications/${objectId}` };
}

async function find(path: string, keyId: string): Promise<Credential | undefined> {
  const credentials = ((await graph().get(path))["passwordCredentials"] ?? []) as Credential[];
  return credentials.find((credential) => credential.keyId.toLowerCase() === keyId.toLowerCase());
}

const flatten = (credential: Credential): Properties => ({
  keyId: credential.keyId,
  displayName: credential.displayName ?? "",
  startDate: credential.startDateTime,
  endDate: credential.endDateTime,
});
