import { defineConfig } from "vitest/config";

/**
 * unit      pure code and components on Pulumi's mocks: no root, no network, seconds.
 * quick     unit as `npm run test:unit` has it: less of what is generated, and without what builds, emulates or starts processes.
 * contract  what the program expects of the provider plug-ins, through a real engine.
 * nginx     what Nginx makes of a site: the real one on loopback, in namespaces of its own and without a lab.
 * judges    outside judges before the golden sites, as nginx.
 * docs-site  the built docs site in a browser, on loopback and without a lab.
 * e2e       inside a lab instance's namespaces; one file after the other, since they share its hosts.
 * rotation  as e2e; what takes longer than `npm test` may: `npm run test:rotation`.
 * applications  as e2e; real applications behind sites of their own: `npm run test:applications`.
 * bare      as e2e, on hosts that lack Nginx and Python before they are set up: `npm run test:bare`.
 */
const setupFiles = ["test/generated-cases.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          setupFiles,
          include: ["test/unit/**/*.test.ts"],
          testTimeout: 120_000,
          // Importing takes longer than most tests do: each thread does it once.
          pool: "threads",
          isolate: false,
        },
      },
      {
        test: {
          name: "quick",
          setupFiles,
          include: ["test/unit/**/*.test.ts"],
          exclude: [
            "test/unit/lab/entra-*",
            "test/unit/components/package.test.ts",
            "test/unit/infra/{answers,answers-schema,commands}.test.ts",
            "test/unit/host/{history,log-files,over-ssh}.test.ts",
            "test/unit/infra/block-disabled.test.ts",
          ],
          env: { QUICK: "1" },
          testTimeout: 30_000,
          pool: "threads",
          isolate: false,
        },
      },
      {
        test: {
          name: "contract",
          setupFiles,
          include: ["test/contract/**/*.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "nginx",
          setupFiles,
          include: ["test/nginx/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      { test: { name: "judges", include: ["test/judges/**/*.test.ts"] } },
      { test: { name: "docs-site", include: ["test/docs-site/**/*.test.ts"], testTimeout: 120_000 } },
      {
        test: {
          name: "e2e",
          setupFiles,
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { concurrent: false },
        },
      },
      {
        test: {
          name: "rotation",
          include: ["test/rotation/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { concurrent: false },
        },
      },
      {
        test: {
          name: "applications",
          include: ["test/applications/**/*.test.ts"],
          globalSetup: ["test/applications/set-up.ts"],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { concurrent: false },
        },
      },
      {
        test: {
          name: "bare",
          include: ["test/bare/**/*.test.ts"],
          testTimeout: 300_000,
          fileParallelism: false,
          sequence: { concurrent: false },
        },
      },
    ],
  },
});
