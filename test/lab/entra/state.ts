/** Keeps the tenant in one file, so that a restart loses nothing. */
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { type Credentials, format, makeTenant, wellBehaved } from "./directory.ts";
import type { Tenant } from "./model.ts";

/** The tenant in memory, and its file. */
export class State {
  tenant: Tenant;
  readonly #file: string;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  private constructor(file: string, tenant: Tenant) {
    this.#file = file;
    this.tenant = tenant;
  }

  /** Reads `directory`/entra.json, or makes a tenant, and then users.json and deployer.json too. */
  static async open(directory: string): Promise<State> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = join(directory, "entra.json");
    if (existsSync(file)) {
      const found = JSON.parse(await readFile(file, "utf8")) as Partial<Tenant>;
      // The first files told no format.
      const { format: of = found.salt === undefined ? 0 : 1 } = found;
      if (of === format) {
        const behaviour = { ...wellBehaved, ...found.behaviour };
        // Files that were written before these existed.
        const { deletedUsers = [], deltaTokens = {} } = found;
        return new State(file, { ...(found as Tenant), format, behaviour, deletedUsers, deltaTokens });
      }
      console.error(`${file} is of another version of the emulator; the tenant starts over`);
    }
    const { tenant, credentials } = await makeTenant();
    await writeCredentials(directory, credentials);
    const state = new State(file, tenant);
    await state.save();
    return state;
  }

  /** Writes the file. Calls during a write share the next one, so that many at once cost two. */
  save(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#writing = writeWhole(this.#file, JSON.stringify(this.#current()));
        return this.#writing;
      });
    return this.#next;
  }

  /** Puts the tenant back to what it was at first; passwords, keys and the deployer's secret stay. */
  async startOver(): Promise<void> {
    const { tenant } = await makeTenant(this.tenant);
    this.tenant = tenant;
    await this.save();
  }

  #current(): Tenant {
    const now = Date.now() / 1000;
    for (const [key, { expires }] of Object.entries(this.tenant.oidc))
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a map that is kept as JSON
      if (expires !== null && expires < now - 3600) delete this.tenant.oidc[key];
    return this.tenant;
  }
}

async function writeCredentials(directory: string, { users, deployer }: Credentials): Promise<void> {
  await writeWhole(join(directory, "users.json"), `${JSON.stringify(users, null, 2)}\n`);
  await writeWhole(join(directory, "deployer.json"), `${JSON.stringify(deployer, null, 2)}\n`);
}

/** Nobody else may read it, and nobody sees half of it. */
async function writeWhole(file: string, text: string): Promise<void> {
  const aside = `${file}.aside`;
  await writeFile(aside, text, { mode: 0o600 });
  await chmod(aside, 0o600);
  await rename(aside, file);
}
