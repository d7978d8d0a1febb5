/** When the client secret of a site ends, and what is said of it. */
import { activeClientSecret, type Site } from "../components/site/site.ts";

/** Whole days before a client secret ends; negative once it has. Unknown where the configuration has no end date. */
export function daysLeft(site: Pick<Site, "clientSecrets">, now: Date): number | undefined {
  const { endDate } = activeClientSecret(site);
  return endDate === undefined
    ? undefined
    : Math.floor((Date.parse(`${endDate}T00:00:00Z`) - now.getTime()) / 86_400_000);
}

/** How a site's client secret stands. */
export type Standing = "ended" | "ends soon" | "good" | "no end date";

/** @param warningDays a secret that ends in fewer days than this ends soon */
export function standing(site: Pick<Site, "clientSecrets">, now: Date, warningDays: number): Standing {
  const days = daysLeft(site, now);
  if (days === undefined) return "no end date";
  if (days < 0) return "ended";
  return days < warningDays ? "ends soon" : "good";
}

/** What `pulumi preview` says of a site's client secret; nothing where it is good. */
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
  switch (standing(site, now, warningDays)) {
    case "good":
      return undefined;
    case "no end date":
      return {
        error: false,
        text: `${where} has no endDate, so nobody is warned before Entra ends it, and a tenant with a policy on secrets refuses it; run ${rotate}${orFirst}`,
      };
    case "ends soon":
      return {
        error: false,
        text: `${where} ends on ${endDate ?? ""}, in ${daysLeft(site, now) ?? 0} days; run ${rotate}`,
      };
    case "ended":
      return {
        error: true,
        text: `${where} has ended on ${endDate ?? ""}: nobody can sign in; run ${rotate}${orFirst}`,
      };
  }
}
