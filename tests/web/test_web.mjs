/* Every page of every story, then the stories: test_web.mjs WORLD.json */
import fs from "node:fs";
import path from "node:path";
import * as lib from "./lib.mjs";

const world = lib.load(process.argv[2]);
const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const files = fs.readdirSync(here).filter((name) => /^story_.*\.mjs$/.test(name)).sort();
const only = process.env.STORY; /* one of them while it is being written */
const stories = [];
for (const name of files)
  if (!only || name === `story_${only}.mjs`) stories.push(await import(path.join(here, name)));

let passed = 0, failed = 0;
async function test(name, run) {
  try {
    await run();
    passed++;
  } catch (error) {
    failed++;
    console.log(`not ok: ${name}\n  ${error.stack}`);
  }
}

const address = (page) => (typeof page.path === "function" ? page.path(world) : page.path);

/* Answers and bytes of one visit, assets too. */
async function visit(page, where) {
  let bytes = 0;
  const done = [];
  page.on("response", (response) => done.push(response.body().then((body) => (bytes += body.length), () => {})));
  const response = await page.goto(where);
  await page.waitForLoadState("load");
  await Promise.all(done);
  return { response, bytes };
}

/* One window, every width; then both languages, light and dark. */
async function photograph(shown) {
  const page = await lib.open(world, { who: shown.who, hub: shown.hub, colorScheme: "light", reducedMotion: "reduce", bypassCSP: true });
  const picture = (look, width) =>
    page.screenshot({ path: path.join(world.screens, `${shown.name}-${look}-${width}.png`), fullPage: true });
  for (const lang of ["en", "fr"]) {
    await page.context().addCookies([{ name: "maillon-lang", value: lang, url: world[shown.hub ?? "town"] }]);
    for (const width of [320, 768, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      if (width === 320) await page.goto(address(shown));
      const out = await lib.overflow(page);
      lib.ok(!out, `${lang}, ${width} px wide, it scrolls sideways: ${out}`);
      if (lang === "fr" || width === 320) await picture(`${lang}-light`, width);
    }
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const problems = await lib.axe(world, page);
      lib.ok(problems.length === 0, `${lang}, ${colorScheme}: ${problems.join("\n  ")}`);
    }
    if (lang === "fr") await picture("fr-dark", 1280);
    await page.emulateMedia({ colorScheme: "light" });
  }
  await page.setViewportSize({ width: 320, height: 700 });
  const small = await page.evaluate(() => [
    ...[...document.querySelectorAll(".button, button, input:not([type=hidden], [type=checkbox], [type=radio]), select")]
      .filter((e) => e.getBoundingClientRect().height < 43.9).map((e) => `low: ${e.outerHTML.slice(0, 80)}`),
    ...[...document.querySelectorAll("body *")].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())
      && parseFloat(getComputedStyle(e).fontSize) < 16).map((e) => `small: ${e.outerHTML.slice(0, 80)}`)]);
  lib.equal(small.join("\n"), "", "targets under 44 px or text under 16 px");
  await page.addStyleTag({ content: "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-bottom: 2em !important }" });
  lib.equal(await lib.overflow(page), "", "with wider spacing (WCAG 1.4.12) it scrolls sideways");
  await page.context().close();
}

/** Checks of all pages, some at once: most of the time a browser waits. */
async function checkPages(list) {
  const waiting = [...list];
  const one = async () => {
    for (let shown; (shown = waiting.shift()); ) await checkPage(shown);
  };
  await Promise.all(Array.from({ length: 4 }, one));
}

async function checkPage(shown) {
  await test(`${shown.name}: shown without errors, at most 100 KB in all`, async () => {
    const page = await lib.open(world, { who: shown.who, hub: shown.hub });
    const { response, bytes } = await visit(page, address(shown));
    lib.equal(response.status(), shown.status ?? 200, "status");
    lib.ok(bytes <= 100 * 1024, `${bytes} bytes`);
    lib.equal(page.problems.join("\n"), "", "errors in the console");
    await page.context().close();
  });
  await test(`${shown.name}: the same without scripts`, async () => {
    const page = await lib.open(world, { who: shown.who, hub: shown.hub, javaScriptEnabled: false });
    await page.goto(address(shown));
    lib.ok((await page.locator("main h1").count()) === 1, "one heading");
    lib.ok((await page.title()).length > 3, "a title");
    await page.context().close();
  });
  await test(`${shown.name}: no axe violation in fr, en, light, dark; no sideways scroll; large enough`,
    () => photograph(shown));
}

fs.mkdirSync(world.screens, { recursive: true });
await lib.launch(world);
await checkPages(stories.flatMap((story) => story.pages ?? []));
for (const story of stories) for (const [name, run] of story.tests ?? []) await test(name, () => run(world));
await world.browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
