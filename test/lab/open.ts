/**
 * Shows a site of the lab that this process runs in: `node test/lab/open.ts https://code.lab.test/`. With a display, in
 * a window that stays. Without one, as ada would see it, in a picture.
 */
import { join } from "node:path";

import { hasDisplay, openBrowser, openWindow, signIn } from "./browser.ts";
import { readPeople } from "./people.ts";
import { type Lab, thisLab } from "./lab.ts";

async function main([url = "https://code.lab.test/"]: string[]): Promise<void> {
  const lab = await thisLab();
  if (hasDisplay()) {
    await openWindow({ ca: lab.ca, home: join(lab.state, "browser"), url });
    console.log(`A browser shows ${url}`);
  } else {
    console.log(`No display; ${url} as ada sees it: ${await pictureOf(lab, url)}`);
  }
}

/** @returns the picture's file */
async function pictureOf(lab: Lab, url: string): Promise<string> {
  const { ada } = readPeople(lab.state);
  const browser = await openBrowser({ ca: lab.ca });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await signIn(page, ada);
    await page.waitForLoadState("load");
    const path = join(lab.state, "signed-in.png");
    await page.screenshot({ path });
    return path;
  } finally {
    await browser.close();
  }
}

await main(process.argv.slice(2));
