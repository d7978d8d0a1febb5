/**
 * `npm run bench:push`: how long it takes to bring sites to hosts, by `pulumi up`, by the push program alone, and by
 * Ansible doing the same work, in a lab of its own with three hosts. `--rounds <n>` measures everything as often.
 */
import { join } from "node:path";

import { inOwnLab } from "../lab/own-lab.ts";
import { ensureAnsible } from "./ansible.ts";

await ensureAnsible();
const script = join(import.meta.dirname, "push-in-lab.ts");
process.exit(await inOwnLab({ own: "bench-push", hosts: 3, script, args: process.argv.slice(2) }));
