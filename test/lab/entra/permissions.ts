/** Microsoft Graph's permissions, by their IDs, https://learn.microsoft.com/graph/permissions-reference */

/** Microsoft Graph's own application ID, the same in every tenant. */
export const graphAppId = "00000003-0000-0000-c000-000000000000";

/** The role ID of an assignment to an application without roles. */
export const defaultAccess = "00000000-0000-0000-0000-000000000000";

/** Application permissions. Those of {@link leastPermissions} are what a deployer needs. */
export const applicationPermissions = {
  "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
  "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
  "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
  "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
  "DelegatedPermissionGrant.ReadWrite.All": "8e8e4742-1d95-4f68-9d56-6ee75648c72a",
  "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
  "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
  "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
  "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
  "Policy.ReadWrite.ConditionalAccess": "01c0a623-fc9b-48e9-b794-0756f8e8f067",
  "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
} as const;

/** The name of an application permission. */
export type ApplicationPermission = keyof typeof applicationPermissions;

/** What the deployer of a fresh tenant has: the least for everything that this project makes. */
export const leastPermissions: readonly ApplicationPermission[] = [
  "Application.ReadWrite.OwnedBy",
  "Application.Read.All",
  "AppRoleAssignment.ReadWrite.All",
  "DelegatedPermissionGrant.ReadWrite.All",
  "GroupMember.Read.All",
  "Policy.Read.All",
  "Policy.ReadWrite.ConditionalAccess",
];

/** Delegated permissions; `Admin` means that a person cannot consent for herself. */
export const delegatedPermissions = [
  { value: "openid", id: "37f7f235-527c-4136-accd-4a02d197296e", type: "User" },
  { value: "profile", id: "14dad69e-099b-42c9-810b-d002981feec1", type: "User" },
  { value: "email", id: "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0", type: "User" },
  { value: "offline_access", id: "7427e0e9-2fba-42fe-b0c0-848c9e6a8182", type: "User" },
  { value: "User.Read", id: "e1fe6dd8-ba31-4d61-89e7-88639da4683d", type: "User" },
  { value: "GroupMember.Read.All", id: "bc024368-1153-4739-b217-4326f2e966d0", type: "Admin" },
] as const;
