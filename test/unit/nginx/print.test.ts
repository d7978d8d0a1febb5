import { expect, test } from "vitest";

import { block, comment, expr, printNginx } from "../../../components/nginx/print.ts";

test("directives, blocks and comments are printed as a person would write them", () => {
  const text = printNginx([
    comment("one"),
    ["listen", 80],
    block(["server"], [["return", 301, expr("https://a.test$request_uri")]]),
  ]);
  expect(text).toBe("# one\nlisten 80;\n\nserver {\n    return 301 https://a.test$request_uri;\n}\n");
});

test("an argument that Nginx would split is quoted", () => {
  expect(printNginx([["a", "b c", 'd"e', "f;g", "", "h\\i", `j"k'l`]])).toBe(
    `a "b c" 'd"e' "f;g" "" "h\\\\i" "j\\"k'l";\n`,
  );
});

test("a literal dollar sign is refused, since Nginx cannot write one", () => {
  expect(() => printNginx([["set", "$x"]])).toThrow('contains "$"; use expr()');
});

test.each(["a\nb", "a\rb", "a\0b"])("a control character is refused: %j", (text) => {
  expect(() => printNginx([["a", text]])).toThrow("control character");
  expect(() => printNginx([["a", expr(text)]])).toThrow("control character");
  expect(() => printNginx([comment(text)])).toThrow("control character");
});
