/**
 * What servers make of a path, each way of theirs on or off: a model of everything behind Nginx that shares nothing
 * with the patterns that it judges.
 */
import fc from "fast-check";

/** The path as Nginx compares it with locations; nothing where it answers 400. */
export function nginxReading(target: string): string | undefined {
  const raw = target.split("?", 1)[0]?.split("#", 1)[0] ?? "";
  if (/%(?![0-9a-f]{2})|%00/i.test(raw)) return undefined;
  return resolved(merged(decoded(raw)), true);
}

/** Every way in which a server behind Nginx may read the path of a request's first line. */
export function readingsOf(target: string): Set<string> {
  const raw = target.split("?", 1)[0] ?? "";
  let paths = new Set([raw]);
  const also = (step: (path: string) => string | undefined) => {
    paths = new Set([...paths, ...[...paths].map(step).filter((it) => it !== undefined)]);
  };
  also((path) => path.split("#", 1)[0]);
  also((path) => /^\/\/[^/]*(\/.*)$/s.exec(path)?.[1]);
  // Parameters and dots before anything is decoded, and after each time.
  also(withoutParameters);
  also((path) => resolved(path, false));
  for (let times = 0; times < 2; times += 1) {
    also(decoded);
    also(withoutParameters);
    also((path) => path.replaceAll("\\", "/"));
    also((path) => path.replaceAll(/[\0-\x1f\x7f]/g, ""));
    also((path) => path.split(/[?#]/, 1)[0]);
    also((path) => /^\/\/[^/]*(\/.*)$/s.exec(path)?.[1]);
    also(merged);
    also((path) => resolved(path, false));
  }
  return paths;
}

/** A path of a rule as servers find it that take no heed of case, or of dots and spaces at the end of a name. */
export function lenient(path: string): string {
  return path.toLowerCase().replaceAll(/[. ]+(?=\/|$)/g, "");
}

function decoded(path: string): string {
  return path
    .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]/g, (bytes) =>
      String.fromCharCode(
        Array.from(bytes).reduce(
          (code, byte, index) => (code << 6) | (byte.charCodeAt(0) & (index === 0 ? 1 : 63)),
          0,
        ) & 127,
      ),
    );
}

function withoutParameters(path: string): string {
  return path.replaceAll(/;[^/]*/g, "");
}

function merged(path: string): string {
  return path.replaceAll(/\/{2,}/g, "/");
}

/** @param strict nothing where the path leads above the root, instead of staying there */
function resolved(path: string, strict: boolean): string | undefined {
  const names: string[] = [];
  const all = path.split("/").slice(1);
  for (const [index, name] of all.entries()) {
    const last = index === all.length - 1;
    if (name === ".." && names.length === 0 && strict) return undefined;
    if (name === "..") names.pop();
    if (name !== "." && name !== "..") names.push(name);
    else if (last) names.push("");
  }
  return `/${names.join("/")}`;
}

const piece = fc.constantFrom(
  ..."/ // /./ /../ ; %3b %2f %2F %252f %5c \\ %2e %2e%2e .. . %252e%252e ..; # %23 %3f %0d %00 %20 %61 %2561 %c0%af %c0%ae".split(
    " ",
  ),
  ..."admin team audit.log api v1 keys Admin adm in x projects public secret %2541 a=b".split(" "),
);
/** Paths made of what servers read in their own ways. */
export const anyPath = fc
  .array(piece, { minLength: 1, maxLength: 8 })
  .map((pieces) => `/${pieces.join("").replace(/^\//, "")}`)
  .filter((path) => nginxReading(path) !== undefined);
