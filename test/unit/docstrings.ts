/** The doc comments of the interfaces that say what can be set: the one place where a setting is described. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import ts from "typescript";

import type { Docstring } from "../../infra/stack-schema.ts";

const root = join(import.meta.dirname, "../..");

/** The comment of an interface's member, as in `docstringOf("SiteSettings", "domain")`. */
export function docstringOf(type: string, member: string): Docstring | undefined {
  return docstrings.get(`${type}.${member}`);
}

const docstrings = new Map(
  globSync("{components,infra}/**/*.ts", { cwd: root, exclude: (name) => name === "node_modules" })
    .map((file) =>
      ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.ES2024, true),
    )
    .flatMap((source) => source.statements.filter(ts.isInterfaceDeclaration))
    .filter(({ name }) => /(?:Args|Settings)$/.test(name.text))
    .flatMap(({ name, members }) =>
      members.flatMap((member): [string, Docstring][] => {
        const comment = ts.getJSDocCommentsAndTags(member).find(ts.isJSDoc);
        if (comment === undefined || member.name === undefined) return [];
        const tag = comment.tags?.find(({ tagName }) => tagName.text === "default");
        return [
          [
            `${name.text}.${member.name.getText()}`,
            { text: textOf(comment.comment), default: tag && textOf(tag.comment) },
          ],
        ];
      }),
    ),
);

function textOf(comment: Parameters<typeof ts.getTextOfJSDocComment>[0]): string {
  return (ts.getTextOfJSDocComment(comment) ?? "").replaceAll(/\s+/g, " ").trim();
}
