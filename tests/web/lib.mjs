/* What the browser tests stand on. A story is a file story_NAME.mjs beside this one:
 *   export const pages = [{ name: "referral", path: (world) => `/referrals/${world.accepted}`, who: "marie" }];
 *   export const tests = [["what it shows as a sentence", async (world) => { … }]];
 * Every page named is checked by test_web.mjs (axe, reflow, size, keyboard, no script errors) and
 * photographed; every test runs. `who` is an account of run.sh, "" for a visitor; `hub`: "mulots".
 */
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { spawn } from "node:child_process";

export function load(file) {
  const world = JSON.parse(fs.readFileSync(file, "utf8"));
  const require = createRequire(path.join(world.work, "package.json"));
  world.axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  world.chromium = require("playwright-core").chromium;
  world.states = new Map();
  return world;
}

export async function launch(world) {
  world.browser = await world.chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A browser window of its own: options of Playwright's newContext, `hub`, and `who` signed in. */
export async function open(world, { who = "", hub = "town", lang = "fr", ...options } = {}) {
  const key = `${hub} ${who}`;
  const context = await world.browser.newContext({
    baseURL: world[hub], ignoreHTTPSErrors: true, locale: lang === "fr" ? "fr-FR" : "en-GB",
    storageState: world.states.get(key), ...options,
  });
  context.setDefaultTimeout(8000);
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(error.message));
  page.on("console", (message) => {
    /* The browser notes every answer of 4xx itself. */
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      page.problems.push(message.text());
  });
  if (who && !world.states.has(key)) {
    await signIn(world, page, who);
    world.states.set(key, await context.storageState());
  }
  return page;
}

export async function signIn(world, page, who) {
  await page.goto("/sign-in");
  await page.fill("#name", who);
  await page.fill("#passphrase", world.passphrase);
  await page.click("main button");
  await page.waitForURL((url) => url.pathname === "/");
}

/** The command line of a hub: how stories make things happen on the other side. */
export function ctl(world, hub, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(world.hubctl, ["--hub", path.join(world.territory, hub), ...args]);
    let out = "", err = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    child.on("close", (code) => (code === 0 ? resolve(out) : reject(new Error(`${args.join(" ")}: ${err}`))));
  });
}

export function equal(got, wanted, what) {
  if (got !== wanted) throw new Error(`${what}: wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
}
export function ok(value, what) {
  if (!value) throw new Error(what);
}

/** axe under our own policy cannot be a script tag: the context must have bypassCSP. */
export async function axe(world, page) {
  await page.evaluate(world.axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  return violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`);
}

/** Does anything stick out sideways? axe does not see it. */
export async function overflow(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return "";
    return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 1)
      .map((e) => `${e.tagName}.${e.className?.baseVal ?? e.className}`).slice(0, 5).join(", ") || "the page";
  });
}
