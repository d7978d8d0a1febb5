import { expect, test } from "vitest";

import { pagesFrom, type PagesSettings } from "../../../components/site/pages.ts";

const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>';

test("a logo may have a line break at its end, as YAML's block has", () => {
  expect(pagesFrom({ logo: `${svg}\n`, language: "fr" })).toEqual({ logo: `${svg}\n`, language: "fr" });
});

test.each<[what: string, given: PagesSettings, problem: string]>([
  ["a color by its name", { color: "blue" }, 'color must be a color like "#0b57d0", got "blue"'],
  ["a language that nobody wrote", { language: "it" }, "language must be one of en, de, fr"],
  ["a logo that a browser would not show", { logo: "<svg></svg>" }, "logo must be an SVG"],
  ["a logo in another format", { logo: "iVBORw0KGgo=" }, "logo must be an SVG"],
  [
    "a logo that is too long",
    { logo: svg.replace("><", `>${" ".repeat(8192)}<`) },
    "of up to 8192 characters",
  ],
])("%s is refused", (_, given, problem) => {
  expect(() => pagesFrom(given)).toThrow(problem);
});
