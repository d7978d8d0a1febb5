/** What the program on a host reads of access logs, in Python as there, and in the format that sites have. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { printNginx } from "../../../components/nginx/print.ts";
import { accessLogFormats } from "../../../components/render/nginx/access-log.ts";

const summarise = `
import json, sys
from pathlib import Path
from protected_sites import who
who.MOST = int(sys.argv[3])
print(json.dumps(who.summary_of("wiki.example.com", Path(sys.argv[1]), float(sys.argv[2]))))
`;

/** As Nginx is told to write a line: plain, and with `authCache`. */
const [plain = "", withCache = ""] = accessLogFormats().map(
  (it) => /\{.*\}/.exec(printNginx([it]))?.[0] ?? "",
);

/** A day in seconds since 1970. */
const day = Date.parse("2027-01-10T00:00:00Z") / 1000;
const usual = {
  server_name: "wiki.example.com",
  remote_addr: "192.0.2.7",
  oauth2_user: "ada@example.com",
  oauth2_status: "202",
  request_method: "GET",
  uri: "/page",
  status: "200",
  body_bytes_sent: "5",
  request_time: "2.000",
  upstream_response_time: "0.001",
  http_user_agent: "Mozilla/5.0",
};

/** A line for a request that ended at a time of that day, in seconds; its variables are those of the format. */
function line(at: number, given: Partial<typeof usual> = {}, format = plain): string {
  const values: Record<string, string> = { ...usual, ...given, time_iso8601: iso(at) };
  // escape=json of Nginx writes other characters as they are.
  return `${format.replaceAll(/\$(\w+)/g, (_, name: string) => JSON.stringify(values[name] ?? "").slice(1, -1))}\n`;
}

const iso = (at: number) => new Date((day + at) * 1000).toISOString().replace(/\.\d+Z$/, "+00:00");

interface Summary {
  readonly lines: number;
  readonly invalid: number;
  readonly begins: number | null;
  readonly unread: readonly string[];
  readonly unnamed: object;
  readonly uses: readonly { readonly user: string; readonly client: string; readonly requests: number }[];
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "protected-sites-logs-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Writes a file whose last line was written at a time of the day. */
function write(name: string, content: string | Uint8Array, at = 86_400): void {
  writeFileSync(join(folder, name), content);
  utimesSync(join(folder, name), day + at, day + at);
}

async function summary({ since = 0, most = 1000 } = {}): Promise<Summary> {
  const args = ["-c", summarise, join(folder, "wiki.example.com.log"), String(day + since), String(most)];
  const env = { PYTHONPATH: join(import.meta.dirname, "../../../components/host") };
  const { stdout } = await execa("python3", ["-B", ...args], { env, timeout: 20_000 });
  return JSON.parse(stdout) as Summary;
}

const log = "wiki.example.com.log";

test.each([
  ["plain", plain],
  ["with authCache", withCache],
])("requests of a person from an address are one row, in the format that is %s", async (_, format) => {
  write(
    log,
    line(100, {}, format) +
      line(200, {}, format) +
      line(300, { status: "403", upstream_response_time: "" }, format) +
      line(400, { status: "403" }, format) +
      line(500, { remote_addr: "2001:db8::1" }, format) +
      line(600, { oauth2_user: "", status: "401", upstream_response_time: "" }, format),
  );
  const row = { user: "ada@example.com", refused: 0, refusedByBackend: 0 };
  expect(await summary()).toEqual({
    domain: "wiki.example.com",
    lines: 6,
    invalid: 0,
    begins: day + 100,
    unread: [],
    unnamed: { requests: 1, refused: 1, refusedByBackend: 0 },
    uses: [
      // A line's time is the request's end, 2 seconds after its beginning.
      {
        ...{ ...row, client: "192.0.2.7", first: day + 98, last: day + 400 },
        ...{ requests: 4, refused: 1, refusedByBackend: 1 },
      },
      { ...row, client: "2001:db8::1", first: day + 498, last: day + 500, requests: 1 },
    ],
  });
});

test("rotated files are read as far as the time reaches, compressed or not, and no other site's", async () => {
  const from = (user: string, at: number) => line(at, { oauth2_user: user });
  write(log, from("now", 50_000));
  write(`${log}.1`, from("too-early", 100) + from("yesterday", 30_000), 30_000);
  write(`${log}.2`, from("being-compressed", 25_000), 25_000);
  write(`${log}.2.gz`, gzipSync(from("being-compressed", 25_000)), 25_000);
  write(`${log}-20270108.gz`, gzipSync(from("compressed", 21_000)), 21_000);
  write(`${log}.3.gz`, "not read: older", 19_000);
  write("other.wiki.example.com.log", from("other", 50_000));
  write("wiki.example.com.log.log", from("other", 50_000));
  const { uses, begins, invalid, unread } = await summary({ since: 20_000 });
  expect(uses.map(({ user, requests }) => [user, requests])).toEqual([
    ["compressed", 1],
    ["being-compressed", 1],
    ["yesterday", 1],
    ["now", 1],
  ]);
  expect({ begins, invalid, unread }).toEqual({ begins: null, invalid: 0, unread: [] });
});

describe("what comes from outside", () => {
  test("no request looks like another, whatever it has in its path and its User-Agent", async () => {
    const forged = 'x","status":"200","bytes":"1","seconds":"0.1","backend_seconds":"1';
    write(
      log,
      line(100, { status: "403", upstream_response_time: "", uri: `/${forged}`, http_user_agent: forged }) +
        line(200, { status: "403", upstream_response_time: "", uri: "/,", http_user_agent: "," }) +
        line(300, { oauth2_user: 'e"v,\\\u001b[31m@example.com', http_user_agent: "\n\u0000" }),
    );
    expect(await summary()).toMatchObject({
      lines: 3,
      invalid: 0,
      uses: [
        { user: "ada@example.com", requests: 2, refused: 2 },
        { user: 'e"v,\\\u001b[31m@example.com', requests: 1 },
      ],
    });
  });

  test("lines that are none of ours are counted, and lengths are bounded", async () => {
    write(
      log,
      Buffer.concat([
        Buffer.from(
          `null\n{"time":"2027-13-45T00:00:00Z"}\n{"time":"yesterday"}\n\n${"x".repeat(3 << 20)}\n`,
        ),
        Buffer.from(line(100, { oauth2_user: "y".repeat(5000) })),
        Buffer.from(line(200).replace("ada", "\u00e4da"), "latin1"),
        Buffer.from(line(300).slice(0, -20)),
      ]),
    );
    const { lines, invalid, uses, begins } = await summary();
    expect({ lines, invalid, begins }).toEqual({ lines: 2, invalid: 5, begins: day + 100 });
    expect(uses.map(({ user }) => user)).toEqual(["y".repeat(320), "\ufffdda@example.com"]);
  });

  test("addresses beyond the most that are told apart are one row of their person", async () => {
    const addresses = Array.from({ length: 5 }, (_, number) =>
      line(number, { remote_addr: `192.0.2.${number}` }),
    );
    write(log, addresses.join(""));
    const { uses } = await summary({ most: 2 });
    expect(uses.map(({ client, requests }) => [client, requests])).toEqual([
      ["192.0.2.0", 1],
      ["192.0.2.1", 1],
      ["", 3],
    ]);
  });

  test("a link and a pipe are not read, and a damaged file is named", async () => {
    write("secret", line(100, { oauth2_user: "secret" }));
    symlinkSync(join(folder, "secret"), join(folder, log));
    execFileSync("mkfifo", [join(folder, `${log}.1`)]);
    write(`${log}.2.gz`, gzipSync(line(100).repeat(1000)).subarray(0, -30));
    const damaged = gzipSync(line(100));
    damaged.fill(255, 12);
    write(`${log}.3.gz`, damaged);
    // The link is of today, which is before that day.
    const { uses, unread } = await summary({ since: -day });
    expect(uses.map(({ user }) => user)).not.toContain("secret");
    expect(unread.map((it) => /log\.\d/.exec(it)?.[0]).sort()).toEqual(["log.2", "log.3"]);
  });

  test("a site without a log has no lines", async () => {
    expect(await summary()).toMatchObject({ lines: 0, begins: null, uses: [] });
  });
});
