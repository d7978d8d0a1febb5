import { expect, test } from "vitest";

import { reviewed, withWiki } from "./environments.ts";

const open = (...methods: string[]) =>
  withWiki({
    open: [{ path: "/dav/", match: "prefix", methods, why: "File managers come with a password." }],
  });

const opened = (base: readonly string[], head: readonly string[]) =>
  reviewed(open(...head), open(...base)).sites.flatMap((it) => it.opened.map(({ method }) => method));

test("opening one WebDAV method lets that method pass in the review, and no other", () => {
  expect(new Set(opened(["GET"], ["GET", "LOCK", "PROPFIND"]))).toEqual(new Set(["LOCK", "PROPFIND"]));
  expect(opened(["GET", "LOCK"], ["GET"])).toEqual([]);
});
