/** Which directives an Nginx knows, read from its own binary: documentation and memory leave some out. */
import { readFile } from "node:fs/promises";

/** Where a directive may stand, https://github.com/nginx/nginx/blob/master/src/http/ngx_http_config.h */
const inHttp = 0x0200_0000n;
const inServerOrLocation = 0x0c00_0000n;

const relative = 8n; // R_X86_64_RELATIVE
const relocations = 4; // SHT_RELA
const allocated = 2n; // SHF_ALLOC

/**
 * Names of what may stand in `http {}` as well as in a server or location, which inherit it from there.
 * In the binary each is an `ngx_command_t`: a name (its length, a pointer) and where it may stand.
 */
export async function inheritableDirectives(binary: string): Promise<string[]> {
  const file = await readFile(binary);
  if (file.toString("latin1", 0, 4) !== "\x7fELF" || file.readUInt16LE(18) !== 62)
    throw new Error(`${binary} must be a program for x86-64`);
  const sections = Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
    const at = Number(file.readBigUInt64LE(40)) + index * file.readUInt16LE(58);
    const number = (offset: number) => Number(file.readBigUInt64LE(at + offset));
    const loaded = (file.readBigUInt64LE(at + 8) & allocated) !== 0n;
    return {
      type: file.readUInt32LE(at + 4),
      loaded,
      address: number(16),
      offset: number(24),
      size: number(32),
    };
  });
  const placeOf = (address: number) => {
    const section = sections.find(
      (it) => it.loaded && it.type === 1 && it.address <= address && address < it.address + it.size,
    );
    return section === undefined ? undefined : section.offset + address - section.address;
  };
  /** What the loader writes where: an address by the address of its pointer. */
  const pointers = new Map<number, number>();
  for (const { type, loaded, offset, size } of sections) {
    if (type !== relocations || !loaded) continue;
    for (let at = offset; at < offset + size; at += 24) {
      if ((file.readBigUInt64LE(at + 8) & 0xffff_ffffn) === relative)
        pointers.set(Number(file.readBigUInt64LE(at)), Number(file.readBigInt64LE(at + 16)));
    }
  }
  const names = new Set<string>();
  for (const [pointer, target] of pointers) {
    const [entry, text] = [placeOf(pointer), placeOf(target)];
    // After the name and where it may stand comes the function that reads it.
    if (entry === undefined || text === undefined || !pointers.has(pointer + 16)) continue;
    const length = Number(file.readBigUInt64LE(entry - 8));
    const where = file.readBigUInt64LE(entry + 8);
    if (length === 0 || length > 64 || (where & inHttp) === 0n || (where & inServerOrLocation) === 0n)
      continue;
    const name = file.toString("latin1", text, text + length + 1);
    if (/^[a-z0-9_]+\0$/.test(name)) names.add(name.slice(0, -1));
  }
  return [...names].sort();
}
