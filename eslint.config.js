import { importX } from "eslint-plugin-import-x";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** Which folder must not import which, and where the code belongs instead. */
const directions = [
  [
    "./components/nginx",
    ["./components/site", "./components/render", "./components/entra", "./components/host", "./infra"],
    "Nginx's language knows nothing about sites",
  ],
  [
    "./components/site",
    ["./components/render", "./components/entra", "./components/host", "./infra"],
    "the model of a site knows nothing about how it is rendered or deployed",
  ],
  [
    "./components/render",
    ["./components/entra", "./components/host", "./infra"],
    "renderers are pure: a site in, text out",
  ],
  ["./components", ["./infra"], "components are a library; what an environment is belongs to infra/"],
  [
    "./infra/{*,!(commands)/**}",
    ["./infra/commands"],
    "an update runs none of the operator's commands; what both need stands beside infra/deploy.ts",
  ],
  ["./infra", ["./test"], "nothing that is deployed depends on tests or the lab"],
  ["./components", ["./test"], "nothing that is deployed depends on tests or the lab"],
  ["./policy", ["./test"], "nothing that users run depends on tests or the lab"],
  ["./infra", ["./policy"], "policies judge what is deployed, and are no part of it"],
  ["./components", ["./policy"], "policies judge what is deployed, and are no part of it"],
];

const noPulumi = {
  group: ["@pulumi/*", "node:*", "!node:crypto"],
  message:
    "this folder is pure: no engine, no files, no clock. Put it into components/entra, components/host or infra.",
};
const noCommand = {
  group: ["@pulumi/command", "@pulumi/command/*"],
  message: "components/host is the one door to the hosts; call it instead.",
};

export default defineConfig(
  globalIgnores([
    "node_modules/",
    "dist/",
    "components/dist/",
    "examples/",
    "docs-site/{.vitepress,dist,pages}/",
  ]),
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
  },
  {
    files: ["**/*.{ts,js,mjs}"],
    plugins: { "import-x": importX },
    // Else it does not read the files that are imported, and sees no circle.
    settings: {
      "import-x/extensions": [".ts", ".js", ".mjs"],
      "import-x/parsers": { "@typescript-eslint/parser": [".ts"] },
    },
    rules: {
      "import-x/no-restricted-paths": [
        "error",
        {
          zones: directions.flatMap(([target, from, message]) =>
            from.map((f) => ({ target, from: f, message })),
          ),
        },
      ],
      "import-x/no-cycle": "error",
      "no-restricted-imports": ["error", { patterns: [noCommand] }],
    },
  },
  // test/unit/host/lines.test.ts holds the same of the program that runs on a host.
  {
    files: ["{components,infra,policy}/**/*.{ts,js}"],
    rules: { "max-lines": ["error", 400], "max-lines-per-function": ["error", 60] },
  },
  { files: ["components/host/**", "policy/**", "test/**"], rules: { "no-restricted-imports": "off" } },
  {
    files: ["components/nginx/**", "components/site/**", "components/render/**"],
    rules: { "no-restricted-imports": ["error", { patterns: [noPulumi] }] },
  },
  {
    files: ["**/*.ts"],
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
);
