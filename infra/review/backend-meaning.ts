/** What a change of how a site's backend is asked, and of its credentials, means. */
import type { Site } from "../../components/site/site.ts";
import { below, type Entries, plain, says, without } from "./statements.ts";

export const backendMeaning = {
  clientMaxBodySize: (before, after) => [plain(`a request's body may have up to ${after}; was ${before}`)],
  backupUpstreams: (before, after) => [
    ...without(after, before).map((it) => plain(`while the backend is down, ${it} is used`)),
    ...without(before, after).map((it) => plain(`${it} is no longer used as a backup`)),
  ],
  upstreams: (before, after) => {
    const all = (path: string) => below({ path, match: "prefix" });
    return [
      ...after.flatMap(({ path, upstream }) => {
        const was = before.find((it) => it.path === path)?.upstream;
        if (was === upstream) return [];
        return [
          plain(`requests to ${all(path)} go to ${upstream}${was === undefined ? "" : `; was ${was}`}`),
        ];
      }),
      ...before
        .filter(({ path }) => !after.some((it) => it.path === path))
        .map(({ path, upstream }) =>
          plain(`requests to ${all(path)} no longer go to ${upstream}, but to the same backend as the rest`),
        ),
    ];
  },
  hostHeader: (before, after) => [
    plain(`the backend gets the Host of the ${after}; was that of the ${before}`),
  ],
  upstreamCa: (before, after) => [plain(`the backend is verified by ${after}; was ${before}`)],
  upstreamServerName: (before, after) => [
    plain(`the backend's certificate is for ${after ?? "its host"}; was for ${before ?? "its host"}`),
  ],
  buffering: (_before, after) => [
    plain(after ? "bodies are buffered" : "bodies are streamed without buffering"),
  ],
  refuseHtFiles: (_before, after) => [
    plain(
      after
        ? "Nginx refuses paths with a segment that begins with .ht"
        : "paths with a segment that begins with .ht go to the backend like any other",
    ),
  ],
  proxyConnectTimeout: (before, after) => [
    plain(`the backend may take ${after} to accept a connection; was ${before}`),
  ],
  proxySendTimeout: (before, after) => [
    plain(`the backend may stop reading a body for ${after}; was ${before}`),
  ],
  goMemLimit: (before, after) => [
    plain(`its oauth2-proxy collects garbage at ${after ?? "some 40MiB"}; was ${before ?? "some 40MiB"}`),
  ],
  proxyBufferSize: (before, after) => [plain(`a response's headers may have up to ${after}; was ${before}`)],
  keepaliveTimeout: (before, after) => [
    plain(`an idle connection to the backend is kept for ${after}; was ${before}`),
  ],
  proxyReadTimeout: (before, after) => [plain(`the backend may be silent for ${after}; was ${before}`)],
  clientSecrets: (before, after) => {
    const generations = (list: Site["clientSecrets"]) => list.map(({ generation }) => generation);
    const used = after.at(-1);
    const usedBefore = before.at(-1);
    return [
      ...without(generations(after), generations(before)).map((it) =>
        says("rotates", `client secret ${it} is created in Entra; nobody is signed out`),
      ),
      ...(used?.generation === usedBefore?.generation
        ? []
        : [
            says(
              "rotates",
              `hosts use client secret ${used?.generation ?? ""}; was ${usedBefore?.generation ?? ""}`,
            ),
          ]),
      ...without(generations(before), generations(after)).map((it) =>
        says("rotates", `client secret ${it} is removed from Entra once every host uses its successor`),
      ),
      ...after.flatMap((now) => {
        const was = before.find(({ generation }) => generation === now.generation);
        return was === undefined || was.endDate === now.endDate
          ? []
          : [
              says(
                "rotates",
                `client secret ${now.generation} is recreated: it expires ${now.endDate ?? "on Entra's default date"}; was ${was.endDate ?? "Entra's default date"}`,
              ),
            ];
      }),
      ...(JSON.stringify(generations(before)) === JSON.stringify(generations(after)) &&
      before.every((it, index) => it.endDate === after[index]?.endDate)
        ? [plain("the date on which a replaced client secret may be removed has changed")]
        : []),
    ];
  },
  cookieSecretGeneration: (before, after) => [
    says("signs out", `a new cookie secret (${after}; was ${before}): everybody has to sign in again`),
  ],
  certificateFrom: (before, after) => {
    const from = { files: "files on the hosts", internalCa: "the stack's own CA", acme: "an ACME server" };
    return [plain(`its certificate is from ${from[after]}; was ${from[before]}`)];
  },
  cookieName: (before, after) => [
    says(
      "signs out",
      `everybody has to sign in again: the session cookie is ${after ?? "the default"}; was ${before ?? "the default"}`,
    ),
  ],
  owners: (before, after) => [
    ...without(after, before).map((it) =>
      says("opens", `${it} owns its registration in Entra, and may add secrets and redirect URIs to it`),
    ),
    ...without(before, after).map((it) => says("closes", `${it} no longer owns its registration in Entra`)),
    ...(after.length < 2 ? [plain("its registration has fewer than two owners besides the deployer")] : []),
  ],
  serviceManagementReference: (before, after) => [
    plain(`its registration refers to ${after ?? "no service record"}; was ${before ?? "none"}`),
  ],
  adoptedRegistration: (before, after) => [
    after === undefined || after.application === before?.application
      ? plain("its registration in Entra stays as it is")
      : says(
          "signs out",
          `everybody has to sign in again: its registration in Entra is now ${after.application}, and the previous one is deleted`,
        ),
  ],
  certificates: (before, after) => [plain(`its certificate is in ${after}; was ${before}`)],
} satisfies Partial<Entries<Site>>;
