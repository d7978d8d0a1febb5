/** azuread.ConditionalAccessPolicy: under which conditions people may sign in. */
import type { Properties, ResourceType } from "../provider.ts";
import { gone, notFound, settled } from "./graph.ts";
import { graph } from "./session.ts";

interface Policy {
  readonly displayName: string;
  readonly state: string;
  readonly conditions: Conditions;
  readonly grantControls?: GrantControls;
  readonly sessionControls?: SessionControls;
}

type Texts = readonly string[];

interface Conditions {
  readonly applications: {
    readonly includedApplications?: Texts;
    readonly excludedApplications?: Texts;
    readonly includedUserActions?: Texts;
  };
  readonly users: {
    readonly includedUsers?: Texts;
    readonly excludedUsers?: Texts;
    readonly includedGroups?: Texts;
    readonly excludedGroups?: Texts;
    readonly includedRoles?: Texts;
    readonly excludedRoles?: Texts;
  };
  readonly clientAppTypes: Texts;
  readonly locations?: { readonly includedLocations: Texts; readonly excludedLocations?: Texts };
  readonly platforms?: { readonly includedPlatforms: Texts; readonly excludedPlatforms?: Texts };
  readonly servicePrincipalRiskLevels?: Texts;
  readonly signInRiskLevels?: Texts;
  readonly userRiskLevels?: Texts;
}

interface GrantControls {
  readonly operator: string;
  readonly builtInControls?: Texts;
  readonly authenticationStrengthPolicyId?: string;
  readonly customAuthenticationFactors?: Texts;
  readonly termsOfUses?: Texts;
}

interface SessionControls {
  readonly persistentBrowserMode?: string;
  readonly signInFrequency?: number;
  readonly signInFrequencyPeriod?: string;
}

/** The resource type; its ID is `/identity/conditionalAccess/policies/<object ID>`. */
export const conditionalAccessPolicy: ResourceType = {
  inputs: {
    displayName: { required: true },
    state: { required: true },
    conditions: { required: true },
    grantControls: {},
    sessionControls: {},
  },
  computed: ["objectId"],
  listsAreSets: true,

  create: async (inputs, { signal }) => {
    const made = await graph().post(
      "/v1.0/identity/conditionalAccess/policies",
      toGraph(inputs as unknown as Policy),
      { signal },
    );
    const id = `/identity/conditionalAccess/policies/${made.id ?? ""}`;
    await settled(5, `waiting for creation of ${id}`, async () => {
      try {
        await graph().get(`/v1.0${id}`);
        return true;
      } catch (error) {
        if (notFound(error)) return false;
        throw error;
      }
    });
    return { id, outputs: await read(id) };
  },

  read: async (id) => {
    try {
      return await read(id);
    } catch (error) {
      if (notFound(error)) return undefined;
      throw error;
    }
  },

  update: async (id, inputs, state, { signal }) => {
    const wanted = inputs as unknown as Policy;
    await graph().patch(`/v1.0${id}`, toGraph(wanted), { signal });
    await settled(5, `waiting for update of ${id}`, async () => {
      const found = await graph().get(`/v1.0${id}`);
      return found["displayName"] === wanted.displayName && found["state"] === wanted.state;
    });
    return { objectId: state["objectId"] };
  },

  delete: async (id, _state, { signal }) => {
    try {
      await graph().get(`/v1.0${id}`);
    } catch (error) {
      if (notFound(error)) return;
      throw error;
    }
    await graph().delete(`/v1.0${id}`, { signal });
    await gone(graph(), `/v1.0${id}`);
  },
};

async function read(id: string): Promise<Properties> {
  const found = await graph().get(`/v1.0${id}`);
  return { objectId: found.id, displayName: found["displayName"], state: found["state"] };
}

/** The stand-in's part of the conditions; a condition that it does not know must not get lost in silence. */
function toGraph({ displayName, state, conditions, grantControls, sessionControls }: Policy): Properties {
  const {
    applications,
    users,
    clientAppTypes,
    locations,
    platforms,
    servicePrincipalRiskLevels = [],
    signInRiskLevels = [],
    userRiskLevels = [],
    ...others
  } = conditions;
  const { includedApplications, excludedApplications, includedUserActions, ...otherApplications } =
    applications;
  const {
    includedUsers,
    excludedUsers,
    includedGroups,
    excludedGroups,
    includedRoles,
    excludedRoles,
    ...otherUsers
  } = users;
  const {
    operator,
    builtInControls = [],
    authenticationStrengthPolicyId,
    customAuthenticationFactors = [],
    termsOfUses = [],
    ...otherControls
  }: Partial<GrantControls> = grantControls ?? {};
  const { persistentBrowserMode, signInFrequency, signInFrequencyPeriod, ...otherSession }: SessionControls =
    sessionControls ?? {};
  const unknown = Object.keys({
    ...others,
    ...otherApplications,
    ...otherUsers,
    ...otherControls,
    ...otherSession,
  });
  if (unknown.length > 0)
    throw new Error(`the lab's stand-in of ConditionalAccessPolicy does not know ${unknown.join(", ")}`);
  return {
    displayName,
    state,
    conditions: {
      applications: {
        includeApplications: includedApplications ?? [],
        excludeApplications: excludedApplications ?? [],
        includeUserActions: includedUserActions ?? [],
      },
      users: {
        includeUsers: includedUsers ?? [],
        excludeUsers: excludedUsers ?? [],
        includeGroups: includedGroups ?? [],
        excludeGroups: excludedGroups ?? [],
        includeRoles: includedRoles ?? [],
        excludeRoles: excludedRoles ?? [],
      },
      clientAppTypes,
      servicePrincipalRiskLevels,
      signInRiskLevels,
      userRiskLevels,
      ...(locations === undefined
        ? {}
        : {
            locations: {
              includeLocations: locations.includedLocations,
              excludeLocations: locations.excludedLocations ?? [],
            },
          }),
      ...(platforms === undefined
        ? {}
        : {
            platforms: {
              includePlatforms: platforms.includedPlatforms,
              excludePlatforms: platforms.excludedPlatforms ?? [],
            },
          }),
    },
    grantControls:
      grantControls === undefined
        ? null
        : {
            operator,
            builtInControls,
            customAuthenticationFactors,
            termsOfUse: termsOfUses,
            ...(authenticationStrengthPolicyId === undefined
              ? {}
              : { authenticationStrength: { id: authenticationStrengthPolicyId.split("/").at(-1) } }),
          },
    sessionControls:
      persistentBrowserMode === undefined && signInFrequency === undefined
        ? null
        : {
            ...(persistentBrowserMode === undefined
              ? {}
              : { persistentBrowser: { isEnabled: true, mode: persistentBrowserMode } }),
            ...(signInFrequency === undefined
              ? {}
              : {
                  signInFrequency: {
                    isEnabled: true,
                    value: signInFrequency,
                    type: signInFrequencyPeriod,
                    authenticationType: "primaryAndSecondaryAuthentication",
                    frequencyInterval: "timeBased",
                  },
                }),
          },
  };
}
