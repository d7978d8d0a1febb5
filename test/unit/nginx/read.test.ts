import fc from "fast-check";
import { expect, test } from "vitest";

import { CannotJudge } from "../../../components/nginx/cannot-judge.ts";
import { included } from "../../../components/nginx/included.ts";
import { expr, printNginx } from "../../../components/nginx/print.ts";
import { readNginx } from "../../../components/nginx/read.ts";

test("words, quotes, escapes, comments and blocks are read with their lines", () => {
  const text = `map $a $b { "~^x{2}" 'y"'; } # no { comment\nserver{a "b\n c;" d\\"e\n\${f}g;}\nz;`;
  expect(readNginx(text)).toEqual([
    { name: "map", args: ["$a", "$b"], line: 1, body: [{ name: "~^x{2}", args: ['y"'], line: 1 }] },
    { name: "server", args: [], line: 2, body: [{ name: "a", args: ["b\n c;", 'd"e', "${f}g"], line: 2 }] },
    { name: "z", args: [], line: 5 },
  ]);
});

test.each([
  ["server { a", 'line 1: the directive a is not terminated by ";"'],
  ["server {\n a;", 'unexpected end of file, expected "}"'],
  ["}", 'line 1: unexpected "}"'],
  ["a;\n;", 'line 2: unexpected ";"'],
  ["{ a; }", 'line 1: unexpected "{"'],
  ["a {\n b }", 'line 2: the directive b is not terminated by ";"'],
  ["a 'b", "line 1: unterminated quote"],
  ['a;\nb "c"d;', 'line 2: unexpected "d"'],
])("what Nginx would refuse is refused: %j", (text, words) => {
  expect(() => readNginx(text)).toThrow(words);
});

test("printed text is parsed back to the original", () => {
  const word = fc.string({ unit: fc.constantFrom(..."ab{};#\"'\\$ ()~^|".split("")), minLength: 1 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
      const text = printNginx([["a", ...words.map(expr)]]);
      expect(readNginx(text)).toEqual([{ name: "a", args: words, line: 1 }]);
    }),
  );
});

const files: Readonly<Record<string, string>> = {
  "/shared/location.conf": "\nauth_request /ask;\ninclude /shared/headers.conf;",
  "/shared/headers.conf": "add_header A b;",
  "/shared/circle.conf": "include /shared/circle.conf;",
};

test("an included file's directives replace the include, with their file and line", () => {
  const read = readNginx("server {\n location / {\n  include /shared/location.conf;\n  root /;\n }\n}");
  const [server] = included(read, (path) => files[path]);
  expect(server?.body?.[0]?.body).toEqual([
    { name: "auth_request", args: ["/ask"], line: 2, file: "/shared/location.conf" },
    { name: "add_header", args: ["A", "b"], line: 1, file: "/shared/headers.conf" },
    { name: "root", args: ["/"], line: 4 },
  ]);
});

test.each([
  ["a file that is not given", "a;\ninclude /etc/other.conf;", "nginx.conf line 2: include /etc/other.conf"],
  ["a pattern", "include /shared/*.conf;", "nginx.conf line 1: include /shared/*.conf"],
  ["files in a circle", "include /shared/circle.conf;", "/shared/circle.conf line 1: include /shared/circle"],
])("%s cannot be judged", (_, text, words) => {
  const reading = () => included(readNginx(text), (path) => files[path]);
  expect(reading).toThrow(CannotJudge);
  expect(reading).toThrow(words);
});
