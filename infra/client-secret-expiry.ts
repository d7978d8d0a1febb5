/** When the client secret of a site ends, and what is said of it. */
import { activeClientSecret } from "../components/site/client-secrets.ts";
import type { Site } from "../components/site/site.ts";

/** Whole days until a date; negative once it has passed. */
export function daysUntil(date: string, now: Date): number {
  return Math.floor((Date.parse(`${date}T00:00:00Z`) - now.getTime()) / 86_400_000);
}

/** Whole days until a client secret expires; negative once it has; undefined if the configuration has no end date. */
export function daysLeft(site: Pick<Site, "clientSecrets">, now: Date): number | undefined {
  const { endDate } = activeClientSecret(site);
  return endDate === undefined ? undefined : daysUntil(endDate, now);
}

/** The status of a site's client secret. */
export type ExpiryStatus = "expired" | "expires soon" | "valid" | "no end date";

/** @param warningDays a secret that expires in fewer days than this expires soon */
export function expiryStatus(
  site: Pick<Site, "clientSecrets">,
  now: Date,
  warningDays: number,
): ExpiryStatus {
  const days = daysLeft(site, now);
  if (days === undefined) return "no end date";
  if (days < 0) return "expired";
  return days < warningDays ? "expires soon" : "valid";
}

/** What `pulumi preview` says about a site's client secret; undefined if it is valid. */
export function expiryMessage(
  site: Site,
  now: Date,
  warningDays: number,
): { error: boolean; text: string } | undefined {
  const { generation, endDate } = activeClientSecret(site);
  const command = "npm run rotate -- --stack <name>";
  const neverRotated = site.clientSecrets.length === 1 && generation === 1;
  const rotate = `${command} --site ${site.domain}`;
  const orFirst = neverRotated ? `, or, before the site's first update, ${command} --first` : "";
  const where = `site "${site.name}": client secret ${generation}`;
  switch (expiryStatus(site, now, warningDays)) {
    case "valid":
      return undefined;
    case "no end date":
      return {
        error: false,
        text: `${where} has no endDate, so there is no warning before it expires, and a tenant with a secret policy rejects it; run ${rotate}${orFirst}`,
      };
    case "expires soon":
      return {
        error: false,
        text: `${where} expires on ${endDate ?? ""}, in ${daysLeft(site, now) ?? 0} days; run ${rotate}`,
      };
    case "expired":
      return {
        error: true,
        text: `${where} expired on ${endDate ?? ""}: nobody can sign in; run ${rotate}${orFirst}`,
      };
  }
}
