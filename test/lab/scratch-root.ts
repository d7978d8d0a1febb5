/** The image as a root folder that can be written to, for programs in `chroot`; nothing written to it is kept. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

import type { Image } from "./image.ts";

/** A folder that every Debian has, under which the caller's mount namespace has files of its own. */
const folder = "/mnt";

/** To be used in a mount namespace of one's own. @returns the root, and what takes it away */
export async function scratchRoot(
  image: Pick<Image, "directory">,
): Promise<{ root: string; close: () => Promise<void> }> {
  await execa("mount", ["-t", "tmpfs", "none", folder]);
  const root = join(folder, "root");
  for (const name of ["files", "work", "root"]) await mkdir(join(folder, name));
  const layers = `lowerdir=${image.directory},upperdir=${folder}/files,workdir=${folder}/work`;
  await execa("mount", ["-t", "overlay", "overlay", "-o", layers, root]);
  await execa("mount", ["-t", "devtmpfs", "none", join(root, "dev")]);
  return {
    root,
    close: async () => {
      for (const path of ["root/dev", "root", ""]) await execa("umount", [join(folder, path)]);
    },
  };
}
