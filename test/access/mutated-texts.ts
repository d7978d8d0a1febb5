/** A site's Nginx files with one thing changed anywhere in them, as no person would and a careless change of code might. */
import { block, type Directive, expr, printNginx } from "../../components/nginx/print.ts";
import { type ReadDirective, readNginx } from "../../components/nginx/read.ts";

/** Nginx's texts of a site by the names of their files. */
export type Texts = Readonly<Record<string, string>>;

/** What was changed, in words, and the texts after it. */
export interface Mutation {
  readonly what: string;
  readonly texts: Texts;
}

/** A number from 0 to below the given one. */
export type Chance = (below: number) => number;

/** The same numbers for the same seed (mulberry32). */
export function chance(seed: number): Chance {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

interface Node {
  readonly words: string[];
  readonly body: Node[] | undefined;
}

/** Where a directive stands. */
interface Spot {
  readonly list: Node[];
  readonly index: number;
  readonly within: string;
}

const nodes = (read: readonly ReadDirective[]): Node[] =>
  read.map(({ name, args, body }) => ({ words: [name, ...args], body: body && nodes(body) }));

const printed = (list: readonly Node[]): Directive[] =>
  list.map(({ words, body }) => {
    const [first = "", ...others] = words;
    if (body !== undefined) return block([first, ...others.map(expr)], printed(body));
    return [expr(first), ...others.map(expr)];
  });

function spotsIn(list: Node[], within = ""): Spot[] {
  return list.flatMap(({ words, body }, index) => [
    { list, index, within },
    ...(body === undefined ? [] : spotsIn(body, `${within}${words.join(" ")} > `)),
  ]);
}

/** What opens ways, where it is put into a server or location. */
const insertions = [
  "auth_request off",
  "satisfy any",
  "allow all",
  "error_page 401 =200 /other",
  "error_page 401 = @open",
  "error_page 403 = /health",
  "error_page 502 =200 /oauth2/signed-out",
  "proxy_intercept_errors on",
  "recursive_error_pages off",
  "rewrite ^ /public/below break",
  "rewrite ^ /health last",
  "try_files /nothing /health",
  "return 200 x",
  "return 418",
  "internal",
  "proxy_pass_request_headers off",
  "proxy_method POST",
  "proxy_set_header Cookie $http_x_open",
  "auth_request_set $oauth2_user $http_x_open",
  "set $protected_sites_cookie x",
  "root /etc",
  "if ($http_x_open = 1) { return 418; }",
  "if ($request_method = POST) { return 418; }",
  "limit_except GET { deny all; }",
  "location ^~ /admin { auth_request off; proxy_pass http://127.0.0.1:3000; }",
  "location = /admin { auth_request off; proxy_pass http://127.0.0.1:3000; }",
  "location ~ /below$ { auth_request off; proxy_pass http://127.0.0.1:3000; }",
  "location ~* ^/(?!admin) { auth_request off; proxy_pass http://127.0.0.1:3000; }",
  "location @open { auth_request off; proxy_pass http://127.0.0.1:3000; }",
  "location /nested/ { location /nested/x { auth_request off; proxy_pass http://127.0.0.1:3000; } }",
];

const matches = [
  "/",
  "/admin",
  "= /other",
  "^~ /admin",
  "~ /below$",
  "~* ADMIN",
  "~ ^/p",
  "^~ /",
  "= /",
  "@open",
];

/** Words that take another's place. */
const words = [
  "off",
  "on",
  "any",
  "all",
  "/",
  "/other",
  "$http_x_open",
  "$uri",
  "$arg_open",
  "200",
  "418",
  "",
  "=",
];

const place = (spot: Spot) => `${spot.within}${spot.list[spot.index]?.words.join(" ") ?? ""}`;

/** One change somewhere, or nothing where what was chosen has nothing to change. */
export function mutated(texts: Texts, next: Chance): Mutation | undefined {
  const files = Object.keys(texts);
  // The site's own file is one of many, and has what opens something.
  const file = next(2) > 0 ? "nginx.conf" : (files[next(files.length)] ?? "nginx.conf");
  const tree = nodes(readNginx(texts[file] ?? ""));
  const spots = spotsIn(tree);
  const pick = <T>(list: readonly T[]): T | undefined => list[next(list.length)];
  const spot = pick(spots);
  const node = spot?.list[spot.index];
  if (spot === undefined || node === undefined) return undefined;
  const blocks = () =>
    spots.filter(
      ({ list, index }) =>
        /^(?:server|location)$/.test(list[index]?.words[0] ?? "") && list[index]?.body !== undefined,
    );
  const into = (chosen: Spot | undefined) => chosen?.list[chosen.index]?.body;
  const copy = (): Node => structuredClone(node);
  const kinds: (() => string | undefined)[] = [
    () => {
      spot.list.splice(spot.index, 1);
      return `delete ${place({ ...spot, list: [node], index: 0 })}`;
    },
    () => {
      spot.list.splice(spot.index, 0, copy());
      return `duplicate ${place(spot)}`;
    },
    () => {
      const target = pick(blocks());
      const was = place(spot);
      const body = into(target);
      if (target === undefined || body === undefined) return undefined;
      const to = place(target);
      if (next(2) === 0) spot.list.splice(spot.index, 1);
      body.splice(next(body.length + 1), 0, copy());
      return `move ${was} to ${to}`;
    },
    () => {
      const same = spots.flatMap(({ list, index }) => {
        const other = list[index];
        return other?.words[0] === node.words[0] ? (other?.words.slice(1) ?? []) : [];
      });
      const at = 1 + next(Math.max(node.words.length - 1, 1));
      const was = place(spot);
      const instead = pick(next(3) > 0 ? same : words);
      if (instead === undefined || node.words[at] === instead) return undefined;
      node.words.splice(at, 1, instead);
      return `change ${was} to ${node.words.join(" ")}`;
    },
    () => {
      const target = pick(blocks().filter(({ list, index }) => list[index]?.words[0] === "location"));
      const chosen = target?.list[target.index];
      if (target === undefined || chosen === undefined) return undefined;
      const was = place(target);
      chosen.words.splice(1, chosen.words.length - 1, ...(pick(matches) ?? "/").split(" "));
      return `match ${was} by ${chosen.words.join(" ")}`;
    },
    () => {
      const line = pick(insertions);
      // Nginx takes a location within another only where it matches more.
      const isLocation = line?.startsWith("location") === true;
      const within = blocks().filter((it) => !isLocation || it.list[it.index]?.words[0] === "server");
      const target = pick(within);
      const body = into(target);
      if (target === undefined || body === undefined || line === undefined) return undefined;
      body.splice(next(body.length + 1), 0, ...nodes(readNginx(line.endsWith("}") ? line : `${line};`)));
      return `insert ${line} into ${place(target)}`;
    },
    () => {
      const entries = spots.filter(({ within }) => /^map [^>]*> $/.test(within));
      const entry = pick(entries);
      const chosen = entry?.list[entry.index];
      if (entry === undefined || chosen === undefined) return undefined;
      const was = place(entry);
      if (next(2) === 0) entry.list.splice(entry.index, 1);
      else chosen.words.splice(1, 1, pick(words) ?? "");
      return `map entry ${was} to ${chosen.words.join(" ")}`;
    },
  ];
  // Most of what is changed anywhere decides nothing; what is put into a block does more often.
  const [remove, duplicate, move, change, match, insert, entry] = kinds;
  const what = pick([
    remove,
    duplicate,
    move,
    change,
    change,
    match,
    match,
    insert,
    insert,
    insert,
    entry,
  ])?.();
  return what === undefined
    ? undefined
    : { what: `${file}: ${what}`, texts: { ...texts, [file]: printNginx(printed(tree)) } };
}
