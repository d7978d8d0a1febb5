/** The tables of docs/configuration.md: all settings, from the schema and the docstrings of its types. */
import { type Describe, type JsonSchema, stackSchema, typesOf } from "./stack-schema.ts";

/**
 * The page with its tables regenerated. Each is between `<!-- settings of SiteSettings -->` and `<!-- end -->`; the rest
 * is written by hand.
 * @throws Error if the page lacks the table of an interface, or has one of an unknown interface
 */
export function withTables(page: string, describe: Describe): string {
  const missing = new Set(tables(describe).keys());
  const made = page.replaceAll(
    /(<!-- settings of (\w+) -->\n).*?(<!-- end -->)/gs,
    (_, begin: string, type: string, end: string) => {
      const settings = tables(describe).get(type);
      if (settings === undefined) throw new Error(`the page has a table of ${type}, which has no settings`);
      missing.delete(type);
      return `${begin}${table(type, settings, describe)}${end}`;
    },
  );
  if (missing.size > 0)
    throw new Error(
      `the page lacks tables; give each its "<!-- settings of … -->" and "<!-- end -->": ${[...missing].join(", ")}`,
    );
  return made;
}

/** The schema of each interface whose settings are described, in the order of the file. */
function tables(describe: Describe): Map<string, JsonSchema> {
  const config = stackSchema(describe).properties?.["config"] ?? {};
  const environment: JsonSchema = {
    properties: Object.fromEntries(
      Object.entries(config.properties ?? {}).map(([key, schema]) => [withoutPrefix(key), schema]),
    ),
    required: config.required?.map(withoutPrefix) ?? [],
  };
  const found = new Map([["EnvironmentSettings", environment]]);
  const collect = (schema: JsonSchema) => {
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      const type = typesOf[key];
      const of = settingsIn(property);
      if (of === undefined) continue;
      // What sites share is described with the site.
      if (type !== undefined && key !== "siteDefaults" && !found.has(type)) found.set(type, of);
      if (key !== "siteDefaults") collect(of);
    }
  };
  collect(environment);
  return found;
}

function withoutPrefix(key: string): string {
  return key.replace("protected-sites:", "");
}

/** The schema with the settings: of the value itself, of a list's entries or of a map's values. */
function settingsIn(schema: JsonSchema): JsonSchema | undefined {
  if (schema.properties !== undefined) return schema;
  const inner = schema.items ?? schema.additionalProperties;
  return typeof inner === "object" ? settingsIn(inner) : undefined;
}

function table(type: string, { properties = {}, required = [] }: JsonSchema, describe: Describe): string {
  const rows = Object.entries(properties).map(([key, schema]) => {
    const docstring = describe(type, key);
    const unset = required.includes(key) ? "required" : (docstring?.default ?? "");
    return [`\`${key}\``, valuesOf(schema), unset, docstring?.text ?? ""];
  });
  const lines = [["Key", "Value", "Default", ""], ["---", "---", "---", "---"], ...rows].map((cells) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`.replaceAll(/ {2,}/g, " "),
  );
  return `\n${lines.join("\n")}\n\n`;
}

/** The values of a setting, in a word or two. */
function valuesOf(schema: JsonSchema): string {
  const { type, minimum, maximum, items, properties, additionalProperties } = schema;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(", ");
  if (properties?.["secure"] !== undefined) return "secret";
  if (type === "array") return items?.enum === undefined ? "list" : `list of ${valuesOf(items)}`;
  if (type === "integer") return `${String(minimum)} to ${String(maximum)}`;
  if (type === "boolean") return "`true`, `false`";
  if (type === "object") return typeof additionalProperties === "object" ? "map" : "settings";
  return "text";
}
