/**
 * Generated tests try the same cases each time, so that only a change turns a run red; `npm run test:generated` and
 * `npm run test:access` try others each time.
 */
import fc from "fast-check";

if (process.env["EVERY_CASE"] === undefined) fc.configureGlobal({ seed: 1 });
