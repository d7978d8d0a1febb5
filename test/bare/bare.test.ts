/** Machines that nobody has prepared: with SSH and sudo, without Nginx and Python. The lab's stack has just set them up. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { program } from "../../components/host/program.ts";
import { everywhere } from "../e2e/on-hosts.ts";
import { request } from "../lab/http.ts";
import { ensureBareImage } from "../lab/image.ts";
import { thisLab } from "../lab/lab.ts";
import { openStack } from "../lab/stack.ts";

const lab = await thisLab();
const fromArchive = ["usr/sbin/nginx", "usr/bin/python3"];

test("the set-up has installed what they lacked", async () => {
  const { directory } = await ensureBareImage();
  for (const file of fromArchive) expect(existsSync(join(directory, file)), file).toBe(false);
  await everywhere(fromArchive.map((file) => `test -x /${file}`).join("\n"));
});

test("sites are live on every host, and closed", async () => {
  for (const { address } of lab.hosts)
    for (const domain of ["code.lab.test", "wiki.lab.test"])
      expect((await request({ url: `https://${domain}/`, address })).status).toBe(401);
});

test("a second update, and a second set-up, do nothing", async () => {
  const { summary } = await (await openStack(lab.name)).up();
  expect(Object.keys(summary.resourceChanges ?? {})).toEqual(["same"]);
  expect(await everywhere(`${program} setup </var/lib/protected-sites/setup`)).toEqual(
    lab.hosts.map(({ name }) => `${name}: unchanged`),
  );
});

test("after a destroy the packages stay, and Nginx serves its package's default page", async () => {
  await (await openStack(lab.name)).destroy();
  const answers = await everywhere(
    "curl -s http://127.0.0.1/ | grep -o '<h1>.*</h1>'; test -x /usr/bin/python3",
  );
  expect(answers).toEqual(lab.hosts.map(() => "<h1>Welcome to nginx!</h1>"));
  await everywhere(`test ! -e ${program} && test ! -e /etc/protected-sites`);
});
