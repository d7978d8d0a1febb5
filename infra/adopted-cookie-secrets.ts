/** Adopted cookie secrets: those of existing oauth2-proxy installations, so that their sessions stay valid. */
import type { Problem } from "../components/site/errors.ts";

/**
 * What is wrong with them, without revealing any.
 * @param given the raw value, by the site's name
 * @param sites the names of all sites
 */
export function cookieSecretProblems(given: unknown, sites: readonly string[]): Problem[] {
  const where = "adoptedCookieSecrets";
  if (typeof given !== "object" || given === null || Array.isArray(given))
    return [{ where, what: "must be a map from a site's name to its secret" }];
  const problems: Problem[] = [];
  const owners = new Map<string, string>();
  for (const [site, secret] of Object.entries(given as Record<string, unknown>)) {
    if (!sites.includes(site))
      problems.push({ where, what: `there is no site "${site}"; there are ${sites.join(", ")}` });
    const key = keyOf(secret)?.toString("hex");
    if (key === undefined) {
      problems.push({
        where,
        what: `the secret of site "${site}" must be 16, 24 or 32 bytes, raw or in base64url, as for oauth2-proxy`,
      });
      continue;
    }
    const other = owners.get(key);
    if (other === undefined) owners.set(key, site);
    else
      problems.push({
        where,
        what: `sites "${other}" and "${site}" have the same secret, so each would accept the other's sessions; adopt only one of them`,
      });
  }
  return problems;
}

/** The key that oauth2-proxy makes of a secret: https://github.com/oauth2-proxy/oauth2-proxy/blob/v7.15.3/pkg/encryption/utils.go */
function keyOf(secret: unknown): Buffer | undefined {
  if (typeof secret !== "string" || !/^[!-~]+$/.test(secret)) return undefined;
  const lengths = [16, 24, 32];
  const encoded = secret.replace(/=+$/, "");
  // Node skips characters that are not base64url, where Go uses the text as it is.
  const decoded = /^[\w-]+$/.test(encoded) ? Buffer.from(encoded, "base64url") : undefined;
  if (decoded !== undefined && lengths.includes(decoded.length)) return decoded;
  return lengths.includes(secret.length) ? Buffer.from(secret) : undefined;
}
