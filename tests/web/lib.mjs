/* What the browser tests stand on. A story is a file story_NAME.mjs beside this one:
 *   export const pages = [{ name: "referral", path: (world) => `/referrals/${world.accepted}`, who: "marie" }];
 *   export const tests = [["what it shows as a sentence", async (world) => { … }]];
 *   export const taken = ["/directory/import/:id"]; // pages that only tests come by, checked there
 *   export async function prepare(world) { … } // before any page of any story is looked at
 * Every page named is checked (checks.mjs: axe, 400 % zoom, keyboard, size, no script errors) and
 * photographed; every test runs; a page of the site that is in no list fails (cover.mjs). `who` is an
 * account of run.sh, "" for a visitor; `hub`: "mulots". What a task costs is counted with count().
 */
import { createRequire } from "node:module";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { spawn } from "node:child_process";
export { count } from "./count.mjs";

export function load(file) {
  const world = JSON.parse(fs.readFileSync(file, "utf8"));
  const require = createRequire(path.join(world.work, "package.json"));
  world.axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  world.chromium = require("playwright-core").chromium;
  world.states = new Map();
  world.photographed = new Set();
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
  context.setDefaultTimeout(12000);
  context.setDefaultNavigationTimeout(30000); /* a page that is slow is measured elsewhere */
  const page = await context.newPage();
  page.problems = [];
  page.scriptsOff = options.javaScriptEnabled === false;
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

export const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** A hub that only one story needs, knowing nobody yet: `world[hub]` is its address; `user` has all
 * the roles named; `settings` are lines of hub.ini. @return how to end it. */
export async function startHub(world, { hub, name, user, role, settings }) {
  const port = await freePort();
  const state = path.join(world.territory, hub);
  world[hub] = `https://127.0.0.1:${port}`;
  await ctl(world, hub, "init", "--name", name, "--state", state, "--listen", `127.0.0.1:${port}`,
    "--url", `wss://127.0.0.1:${port}`, "--sheets", `${state}.sheets`);
  if (settings) {
    fs.mkdirSync(path.join(state, "conf.d"), { recursive: true });
    fs.writeFileSync(path.join(state, "conf.d", "story.ini"), settings);
  }
  const child = spawn(world.hubd, ["--state", state], { stdio: "ignore" });
  const end = () => child.kill();
  process.on("exit", end);
  await until(`${name} starts`, () => ctl(world, hub, "--json", "status").then(() => true, () => false));
  await ctl(world, hub, "--json", "call", "Accounts/AddUser", JSON.stringify({ name: user, role, passphrase: world.passphrase }));
  return () => new Promise((resolve) => {
    process.off("exit", end);
    for (const key of world.states.keys()) if (key.startsWith(`${hub} `)) world.states.delete(key);
    child.on("close", resolve);
    end();
  });
}

/** Tries until it is true, for 20 s. */
export async function until(what, done) {
  for (let i = 0; i < 200; i++) {
    const found = await done();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`does not come: ${what}`);
}

/** What pages say, by the keys of hub/web/lang/LANG.po: (await texts("fr"))("act.accept"). */
export function texts(lang) {
  const file = new URL(`../../hub/web/lang/${lang}.po`, import.meta.url);
  const said = new Map();
  let key = "", value = "", at = "";
  for (const line of `${fs.readFileSync(file, "utf8")}\nmsgid ""`.split("\n")) {
    const [, word, text] = line.match(/^(msgid|msgstr|msgid_plural|msgstr\[\d\])? *(".*")$/) ?? [];
    if (!text) continue;
    if (word === "msgid") {
      said.set(key, value);
      value = "";
    }
    at = word ?? at;
    if (at === "msgid") key = (word ? "" : key) + JSON.parse(text);
    if (at === "msgstr" || at === "msgstr[0]") value += JSON.parse(text);
  }
  return (name) => {
    if (!said.get(name)) throw new Error(`no text "${name}" in ${lang}.po`);
    return said.get(name);
  };
}

export function equal(got, wanted, what) {
  if (got !== wanted) throw new Error(`${what}: wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
}
export function ok(value, what) {
  if (!value) throw new Error(what);
}

/** A page that only a test comes by: pictures at all three widths, and it counts as looked at. */
export async function photograph(world, page, name) {
  const before = page.viewportSize();
  world.photographed.add(new URL(page.url()).pathname);
  for (const width of [320, 768, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    equal(await overflow(page), "", `${name}: sideways at ${width} px`);
    await page.screenshot({ path: path.join(world.screens, `${name}-fr-light-${width}.png`), fullPage: true });
  }
  await page.setViewportSize(before);
}

/** The same page in a window that runs scripts: without them the timers of axe never ring. */
async function twinOf(world, page) {
  const html = await page.content();
  const context = await world.browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: true, viewport: page.viewportSize() });
  await context.addCookies(await page.context().cookies());
  const twin = await context.newPage();
  await twin.route(page.url(), (route) => route.fulfill({ body: html, contentType: "text/html; charset=utf-8" }));
  await twin.goto(page.url());
  return twin;
}

/** axe under our own policy cannot be a script tag: the context must have bypassCSP. */
export async function axe(world, shown) {
  const page = shown.scriptsOff ? await twinOf(world, shown) : shown;
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(world.axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] }));
  if (page !== shown) await page.context().close();
  return violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`);
}

/** Does anything stick out sideways? axe does not see it. */
export async function overflow(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return "";
    return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 1)
      .map((e) => `${e.tagName}.${e.className?.baseVal ?? e.className} "${(e.innerText ?? "").slice(0, 30)}"`).slice(0, 5).join(", ") || "the page";
  });
}
