/** What a stack's file says to the engine and its providers, and not to this program. */
import { isMap, parseDocument } from "yaml";

import { settingPrefix } from "../stack-file.ts";
import { says, type Statement } from "./statements.ts";

/** The engine's own keys that say how secrets are encrypted. */
const encryption = ["encryptionsalt", "encryptedkey", "secretsprovider"];

/** The changes of these settings. What they do, such as sending credentials elsewhere, is not known here: an alarm. */
export function engineSettings(before: string, after: string): Statement[] {
  const [was, is] = [settingsIn(before), settingsIn(after)];
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((key) => was.get(key) !== is.get(key))
    .map((key) =>
      says(
        "weakens",
        `${key}, which this review cannot judge, is ${is.get(key) ?? "not set"}; was ${was.get(key) ?? "not set"}`,
      ),
    );
}

/** By their keys, as JSON. */
function settingsIn(text: string): ReadonlyMap<string, string> {
  const document = parseDocument(text);
  const entries = (node: unknown) =>
    isMap(node) ? Object.entries(node.toJS(document) as Record<string, unknown>) : [];
  const ours = (key: string) => key === "config" || encryption.includes(key);
  return new Map(
    [
      ...entries(document.contents).filter(([key]) => !ours(key)),
      ...entries(document.get("config")).filter(([key]) => !key.startsWith(settingPrefix)),
    ].map(([key, value]) => [key, JSON.stringify(value)]),
  );
}
