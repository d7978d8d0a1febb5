/** `node main.ts <provider> <version> <engine address>`: a stand-in plug-in, as the engine starts it. */
import { flushCompileCache } from "node:module";

import { serve } from "./server.ts";
import type { Provider } from "./provider.ts";

const [name = "", version = "", ...rest] = process.argv.slice(2);
// The engine may put flags of its own (--tracing …) before its address.
const engineAddress = rest.at(-1);
if (engineAddress === undefined) throw new Error("usage: main.ts <provider> <version> <engine address>");
const { provider } = (await import(`./${name}.ts`)) as { provider: Provider };
await serve(provider, version, engineAddress);
// The engine ends this process by a signal, after which Node keeps nothing that it has compiled.
flushCompileCache();
