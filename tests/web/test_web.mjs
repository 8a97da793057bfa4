/* Every page of every story, then the stories, then what nobody looked at: test_web.mjs WORLD.json */
import fs from "node:fs";
import path from "node:path";
import * as lib from "./lib.mjs";
import { checksOf, slowLoad } from "./checks.mjs";
import { printCounts } from "./count.mjs";
import { crawl, readRows, unseen } from "./cover.mjs";

const world = lib.load(process.argv[2]);
const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const only = process.env.STORY; /* one of them while it is being written, */
const named = new RegExp(process.env.TESTS ?? "", "i"); /* or some of its tests */
const stories = [];
for (const name of fs.readdirSync(here).filter((file) => /^story_.*\.mjs$/.test(file)).sort())
  if (!only || name === `story_${only}.mjs`) stories.push(await import(path.join(here, name)));

/* A browser that no longer answers must not hold up the rest. */
function within(seconds, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not done in ${seconds} s`)), 1000 * seconds)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

let passed = 0, failed = 0;
async function test(name, run) {
  const begin = Date.now();
  try {
    await within(180, run());
    passed++;
  } catch (error) {
    failed++;
    console.log(`not ok: ${name}\n  ${error.stack}`);
  }
  if (process.env.TIMES) console.log(`${Date.now() - begin} ms: ${name}`);
}

/** What a test that failed left open: a picture of each page says most of it. */
async function closeAll(failure) {
  let number = 0;
  for (const context of world.browser.contexts()) {
    if (failure)
      for (const page of context.pages()) {
        const file = path.join(world.screens, `failed-${failed}-${++number}.png`);
        await page.screenshot({ path: file, fullPage: true }).then(() => console.log(`  ${page.url()}: ${file}`), () => {});
      }
    await within(20, context.close()).catch(() => {});
  }
}

/* Some pages at once: most of the time a browser waits. */
const waiting = stories.flatMap((story) => story.pages ?? []).flatMap((shown) => checksOf(world, shown))
  .filter(([name]) => named.test(name));
async function checkPages() {
  for (let one; (one = waiting.shift()); ) await test(...one);
}

/* With all stories: what they leave out, and the first page on a slow line. */
const whole = [
  ["every page of the site is looked at by a story", async () => {
    const rows = readRows(path.join(here, "..", ".."));
    lib.ok(rows.length > 20, `${rows.length} rows in the tables of pages`);
    lib.equal(unseen(world, stories, rows).join("\n"), "", "pages in no story");
  }],
  ["no link of any account leads nowhere", async () => {
    const { broken, found } = await crawl(world, readRows(path.join(here, "..", "..")));
    lib.equal(broken.join("\n"), "", "broken links");
    lib.ok(found.size > 20, `${found.size} kinds of pages found by following links`);
  }],
  ["the first page loads in 5 s on 2G", async () => {
    for (const who of ["", "marie"]) {
      const { bytes, total, seconds } = await slowLoad(world, who);
      const parts = Object.entries(bytes).map(([kind, size]) => `${kind} ${(size / 1024).toFixed(1)}`).join(", ");
      console.log(`${who ? "home" : "sign-in"}: ${(total / 1024).toFixed(1)} of 100 KB (${parts}), ${seconds.toFixed(1)} of 5 s at 250 kbit/s and 300 ms`);
      lib.ok(seconds <= 5, `${seconds} s`);
    }
  }],
];

fs.mkdirSync(world.screens, { recursive: true });
await lib.launch(world);
for (const story of stories) await story.prepare?.(world);
await Promise.all(Array.from({ length: 4 }, checkPages));
for (const story of stories)
  for (const [name, run] of story.tests ?? []) {
    if (!named.test(name)) continue;
    const before = failed;
    await test(name, () => run(world));
    await closeAll(failed > before && name);
  }
if (!only) for (const one of whole) if (named.test(one[0])) await test(...one);
await within(20, world.browser.close()).catch(() => {});
printCounts(world);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
