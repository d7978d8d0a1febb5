/** Which roles and groups end at a site by the host's clock, as its maps say. */
import { notRead } from "../../components/nginx/cannot-judge.ts";
import { printNginx } from "../../components/nginx/print.ts";
import { type ReadDirective, readNginx } from "../../components/nginx/read.ts";
import type { Definitions } from "../../components/nginx/variables.ts";
import {
  expiredMaps,
  expiredVariable,
  remainingMap,
  remainingVariable,
  ruleVariable,
  type Temporary,
} from "../../components/render/nginx/temporary.ts";
import { endOf, hasEnded, type MembershipEnd } from "../../components/site/ends.ts";
import { type Location, ruleOf, rulesIn } from "./locations.ts";
import type { EndedMembership } from "./needs.ts";
import type { Oauth2ProxyReading } from "./oauth2-proxy-reading.ts";

/** What a site's files say of that. */
export class MembershipReading {
  readonly #domain: string;
  readonly #oauth2Proxy: Oauth2ProxyReading;
  readonly #all: readonly MembershipEnd[];

  /** @throws CannotJudge if the maps are not as they are rendered */
  constructor(
    domain: string,
    maps: Definitions,
    oauth2Proxy: Oauth2ProxyReading,
    locations: readonly Location[],
  ) {
    this.#domain = domain;
    this.#oauth2Proxy = oauth2Proxy;
    const { ofRoles, allowed: needed } = oauth2Proxy;
    this.#all = membershipsIn(maps, { domain, ofRoles, needed, rules: rulesIn(locations) });
  }

  /** When, in the order of the file. */
  get ends(): Date[] {
    return this.#all.map(({ until }) => new Date(endOf(until) * 1000));
  }

  /** What has ended by then, for a location whose requests are passed on only where what remains is enough. */
  endedAt(
    at = new Date(),
    {
      auth,
      body,
      pass,
    }: {
      readonly auth: ReadDirective;
      readonly body: readonly ReadDirective[];
      readonly pass: ReadDirective | undefined;
    },
  ): EndedMembership[] {
    if (pass === undefined || this.addressOf(pass) === pass.args[0]) return [];
    const rule = body.find(({ name, args }) => name === "set" && args[0] === ruleVariable)?.args[1];
    const asked = ruleOf(auth.args[0] ?? "");
    if (rule !== (asked === undefined ? undefined : `rule_${asked}`))
      throw notRead("unknown-end", auth, `what ends is looked at as for ${rule ?? "no rule"}`);
    return this.#all
      .filter((it) => hasEnded(it, at))
      .map(({ group, user }) => ({ group: this.#oauth2Proxy.asGroups([group])[0] ?? "", user }));
  }

  /** Where a request is passed, if what remains is enough. */
  addressOf({ args: [address = ""] }: ReadDirective): string {
    return address.replace(expiredVariable({ domain: this.#domain }), "");
  }
}

/** All that the site's maps say. @throws CannotJudge if they say anything else than this alone */
function membershipsIn(maps: Definitions, site: Omit<Temporary, "ends">): readonly MembershipEnd[] {
  const found: { readonly map: ReadDirective; readonly end: MembershipEnd }[] = [];
  for (;;) {
    const map = maps.get(remainingVariable(site, found.length + 1).slice(1));
    if (map === undefined) break;
    found.push({ map, end: endIn(map) });
  }
  const temporary = { ...site, ends: found.map(({ end }) => end) };
  const whether = maps.get(expiredVariable(site).slice(1));
  if (found.length === 0 && whether === undefined) return [];
  const expected = [...found.map((_, index) => remainingMap(temporary, index)), ...expiredMaps(temporary)];
  for (const written of readNginx(printNginx(expected))) {
    const map = maps.get((written.args[1] ?? "").slice(1));
    if (map === undefined || shown(map) !== shown(written))
      throw notRead("unknown-end", map ?? whether ?? written, "what ends is not as this review knows it");
  }
  return temporary.ends;
}

function endIn({ args, body = [] }: ReadDirective): MembershipEnd {
  const said = (pattern: RegExp) =>
    body
      .map(({ name }) => pattern.exec(name)?.[1])
      .find((it) => it !== undefined)
      ?.replaceAll(/\\(.)/g, "$1");
  const seconds = Number(/^0\$msec (\d+) /.exec(args[0] ?? "")?.[1] ?? 0);
  const until = new Date((seconds - 86_400) * 1000).toJSON().slice(0, 10);
  const user = said(/^~\*\^\[\^ \]\* \[\^ \]\* \(\?!(\S+) \)/);
  return { group: said(/^~\[ ,\]([^,]+),/) ?? "", ...(user === undefined ? {} : { user }), until };
}

/** What a directive says, wherever it stands. */
function shown({ name, args, body }: ReadDirective): string {
  return JSON.stringify([name, args, body?.map(shown)]);
}
