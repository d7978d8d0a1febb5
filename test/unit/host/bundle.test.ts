import { describe, expect, test } from "vitest";

import { bundle, unbundle } from "../../../components/host/bundle.ts";

test("files follow each other as readable lines, each with its path, and the end is marked", () => {
  expect(
    bundle([
      { name: "site.json", text: "{}\n" },
      { name: "nginx.conf", link: "/etc/nginx/sites-enabled/wiki.example.com.conf", text: "server {\n}\n" },
    ]),
  ).toBe(
    [
      "protected-sites bundle 1",
      "==> site.json",
      "{}",
      "==> nginx.conf -> /etc/nginx/sites-enabled/wiki.example.com.conf",
      "server {",
      "}",
      "==> end",
      "",
    ].join("\n"),
  );
});

test("a bundle's files can be read back, and any other text has none", () => {
  const files = [
    { name: "site.json", text: "{}\n" },
    { name: "nginx.conf", link: "/etc/nginx/sites-enabled/wiki.example.com.conf", text: "server {\n\n}\n" },
  ];
  expect(unbundle(bundle(files))).toEqual(files);
  expect(unbundle("some text\n==> a\n")).toEqual([]);
});

describe("refuses what the format cannot represent:", () => {
  test.each([
    ["a line that looks like a header", { name: "a", text: "x\n==> end\n" }],
    ["no line break at the end", { name: "a", text: "x" }],
    ["no text at all", { name: "a", text: "" }],
    ["a carriage return", { name: "a", text: "x\r\n" }],
    ["a null character", { name: "a", text: "\0\n" }],
    ["the name that ends a bundle", { name: "end", text: "x\n" }],
    ["a name with a folder", { name: "../a", text: "x\n" }],
    ["a name that is hidden", { name: ".a", text: "x\n" }],
    ["a name with a line break", { name: "a\n==> b", text: "x\n" }],
    ["a place with a space", { name: "a", link: "/etc/a b", text: "x\n" }],
    ["a place with a way up", { name: "a", link: "/etc/../root/a", text: "x\n" }],
    ["a place that is not absolute", { name: "a", link: "etc/a", text: "x\n" }],
  ])("%s", (_, file) => {
    expect(() => bundle([file])).toThrow(/^bundle: /);
  });

  test("two files of the same name", () => {
    const file = { name: "a", text: "x\n" };
    expect(() => bundle([file, file])).toThrow(/^bundle: duplicate file a/);
  });
});
