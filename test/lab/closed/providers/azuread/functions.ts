/** azuread's functions: they look up what others made. */
import type { Properties } from "../provider.ts";
import { notFound } from "./graph.ts";
import type { GraphObject } from "./graph.ts";
import { describe } from "./service-principal.ts";
import { graph } from "./session.ts";

/** Who the provider is signed in as. */
export function getClientConfig(): Promise<Properties> {
  const { credentials, objectId } = graph();
  const { tenantId, clientId } = credentials;
  return Promise.resolve({ id: `${tenantId}-${clientId}-${objectId}`, tenantId, clientId, objectId });
}

/** A group, by object ID, display name or mail nickname. */
export async function getGroup(args: Properties): Promise<Properties> {
  const { displayName, mailNickname, objectId } = args as Record<string, string | undefined>;
  const flags = (["mailEnabled", "securityEnabled"] as const).filter((flag) => args[flag] !== undefined);
  const also = flags.map((flag) => ` and ${flag} eq ${String(args[flag])}`).join("");
  let found: GraphObject;
  if (displayName)
    found = await only("group", "/beta/groups", `${equals("displayName", displayName)}${also}`);
  else if (mailNickname)
    found = await only("group", "/beta/groups", `${equals("mailNickname", mailNickname)}${also}`);
  else found = await byId("group", "/beta/groups", objectId);
  const path = `/beta/groups/${found.id ?? ""}`;
  const members = args["includeTransitiveMembers"] === true ? `${path}/transitiveMembers` : `${path}/members`;
  const ids = async (list: string) => (await graph().list(list)).map(({ id }) => id);
  return {
    id: `/groups/${found.id ?? ""}`,
    objectId: found.id,
    displayName: found["displayName"],
    description: found["description"] ?? "",
    mail: found["mail"] ?? "",
    mailEnabled: found["mailEnabled"] ?? false,
    mailNickname: found["mailNickname"] ?? "",
    securityEnabled: found["securityEnabled"] ?? false,
    assignableToRole: found["isAssignableToRole"] ?? false,
    types: found["groupTypes"] ?? [],
    visibility: found["visibility"] ?? "",
    members: await ids(members),
    owners: await ids(`${path}/owners`),
  };
}

/** A user, by user principal name, object ID, mail or mail nickname. */
export async function getUser(args: Properties): Promise<Properties> {
  const { userPrincipalName, objectId, mail, mailNickname } = args as Record<string, string | undefined>;
  const users = "/v1.0/users";
  const by = (property: string, value: string) => graph().list(users, equals(property, value));
  const [{ id: wanted } = {}] = userPrincipalName
    ? await by("userPrincipalName", userPrincipalName)
    : mail
      ? await by("mail", mail)
      : mailNickname
        ? await by("mailNickname", mailNickname)
        : [{ id: objectId }];
  const missing = userPrincipalName
    ? `User with UPN ${JSON.stringify(userPrincipalName)} was not found`
    : `User not found: ${JSON.stringify(mail ?? mailNickname ?? objectId)}`;
  const path = `${users}/${wanted ?? ""}`;
  const found = wanted === undefined ? undefined : await orNotThere(graph().get(path));
  if (found === undefined) throw new Error(missing);
  const manager = await orNotThere(graph().get(`${path}/manager`));
  return {
    id: `/users/${found.id ?? ""}`,
    managerId: manager?.id ?? "",
    objectId: found.id,
    accountEnabled: found["accountEnabled"] ?? true,
    displayName: found["displayName"] ?? "",
    givenName: found["givenName"] ?? "",
    surname: found["surname"] ?? "",
    mail: found["mail"] ?? "",
    mailNickname: found["mailNickname"] ?? "",
    userPrincipalName: found["userPrincipalName"],
    userType: found["userType"] ?? "",
  };
}

/** A service principal, by object ID, display name or client ID. */
export async function getServicePrincipal(args: Properties): Promise<Properties> {
  const { objectId, displayName, clientId } = args as Record<string, string | undefined>;
  const all = "/v1.0/servicePrincipals";
  let found: GraphObject;
  if (objectId) found = await byId("service principal", all, objectId);
  else if (displayName) found = await only("service principal", all, equals("displayName", displayName));
  else found = await only("service principal", all, equals("appId", clientId ?? ""));
  const id = `/servicePrincipals/${found.id ?? ""}`;
  const beta = await graph().get(`/beta${id}?$select=samlMetadataUrl`);
  return { id, ...describe(found, beta) };
}

async function orNotThere(answer: Promise<GraphObject>): Promise<GraphObject | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (notFound(error)) return undefined;
    throw error;
  }
}

const equals = (property: string, value: string) => `${property} eq '${value.replaceAll("'", "''")}'`;

async function only(kind: string, path: string, filter: string): Promise<GraphObject> {
  const [first, second] = await graph().list(path, filter);
  if (first === undefined) throw new Error(`No ${kind} found matching specified filter (${filter})`);
  if (second !== undefined)
    throw new Error(`More than one ${kind} found matching specified filter (${filter})`);
  return first;
}

async function byId(kind: string, path: string, objectId: string | undefined): Promise<GraphObject> {
  try {
    return await graph().get(`${path}/${objectId ?? ""}`);
  } catch (error) {
    throw notFound(error) ? new Error(`No ${kind} found with object ID: "${objectId ?? ""}"`) : error;
  }
}
