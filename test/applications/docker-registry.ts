/** Docker's registry with skopeo: a client without a browser, which comes with a token of the tenant. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { expect } from "vitest";

import { type Application, program, readers } from "./application.ts";
import { debianPackages, inRoot } from "./packages.ts";
import type { Visit } from "./visit.ts";

const configuration = (address: string, port: number) => `version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: ${address}:${port}
`;

/** An image of one layer in OCI's layout. @param size bytes of the layer, which nothing can make smaller */
async function writeImage(folder: string, size: number): Promise<void> {
  const blobs = join(folder, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const blob = async (mediaType: string, content: Buffer | object) => {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    const hash = createHash("sha256").update(bytes).digest("hex");
    await writeFile(join(blobs, hash), bytes);
    return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
  };
  const type = (name: string) => `application/vnd.oci.image.${name}`;
  const content = randomBytes(size);
  const layer = await blob(type("layer.v1.tar+gzip"), gzipSync(content, { level: 1 }));
  const config = await blob(type("config.v1+json"), {
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [`sha256:${createHash("sha256").update(content).digest("hex")}`] },
  });
  const manifest = await blob(type("manifest.v1+json"), { schemaVersion: 2, config, layers: [layer] });
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

/** Runs skopeo, which sees what lies in its folder as `/`. */
const skopeo = ({ run, installed, folder }: Visit, ...args: readonly string[]) =>
  run(inRoot(installed["registry"] ?? "", join(folder, "skopeo"), ["skopeo", ...args]));

const image = "docker://docker-registry.lab.test/team/app:1";

export const dockerRegistry: Application = {
  name: "docker-registry",
  title: "Docker Registry 2.8.2 with skopeo",
  packages: { registry: debianPackages(["docker-registry", "skopeo"]) },
  site: {
    roles: [{ value: "member", groups: [readers], applications: [program] }],
    clientMaxBodySize: "5g",
    buffering: false,
  },

  start: async ({ address, port, folder, installed: { registry = "" } }) => {
    await mkdir(join(folder, "files/etc/docker/registry"), { recursive: true });
    await writeFile(join(folder, "files/etc/docker/registry/lab.yml"), configuration(address, port));
    return {
      command: inRoot(registry, folder, ["docker-registry", "serve", "/etc/docker/registry/lab.yml"]),
    };
  },

  facts: {
    "an image of 60 MB is pushed with a token of the tenant, and pulled again": async (visit) => {
      const { token, folder } = visit;
      await writeImage(join(folder, "skopeo/files/there"), 60 << 20);
      const bearer = await token();
      await skopeo(visit, "copy", `--dest-registry-token=${bearer}`, "oci:/there", image);
      await skopeo(visit, "copy", `--src-registry-token=${bearer}`, image, "oci:/back");
      const blobs = async (where: string) =>
        (await readdir(join(folder, "skopeo/files", where, "blobs/sha256"))).sort();
      expect(await blobs("back")).toEqual(await blobs("there"));
    },

    "without a token, and with a wrong one, nothing is pulled": async (visit) => {
      await expect(skopeo(visit, "inspect", image)).rejects.toThrow(/unauthorized|401/i);
      await expect(skopeo(visit, "inspect", "--registry-token=a.b.c", image)).rejects.toThrow(
        /unauthorized|401/i,
      );
    },

    "somebody signed in sees its catalogue in a browser": async ({ open, failures }) => {
      const page = await open("/v2/_catalog");
      expect(await page.locator("body").innerText()).toContain("team/app");
      expect(failures).toEqual([]);
    },

    "after a restart it serves what it had": async (visit) => {
      await visit.restart();
      expect(await skopeo(visit, "inspect", `--registry-token=${await visit.token()}`, image)).toContain(
        "sha256:",
      );
    },
  },
};
