/** Real applications behind sites of their own, used by somebody signed in. */
import { join } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";

import { lab } from "../e2e/instance.ts";
import { openBrowser } from "../lab/browser.ts";
import type { Place } from "./application.ts";
import { chosen } from "./all.ts";
import { placeOf, startIn, stopIn } from "./running.ts";
import { photograph, type Visit, visitOf } from "./visit.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser({ ca: lab.ca });
});

afterAll(async () => {
  await browser.close();
});

describe.each(chosen().map((it) => ({ ...it, title: it.application.title })))(
  "$title",
  ({ application, index }) => {
    let place: Place;
    let visit: Visit;

    beforeAll(async () => {
      place = await placeOf(lab, application, index);
      await startIn(lab, application, place);
      visit = await visitOf(browser, place, () => startIn(lab, application, place));
    });

    afterEach(async ({ task }) => {
      if (process.env["PICTURES"] === undefined && task.result?.state !== "fail") return;
      const folder = join(lab.state, "pictures", application.name);
      await photograph(visit, folder, task.name.replaceAll(/\W+/g, "-").slice(0, 60));
      if (visit.failures.length > 0) console.log(`${application.title}: ${visit.failures.join("; ")}`);
    });

    afterAll(async () => {
      await visit.context.close();
      await stopIn(lab, application);
    });

    test.each(Object.entries(application.facts))("%s", (_, holds) => holds(visit));
  },
);
