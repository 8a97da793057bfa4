/* One's own account: a code besides the passphrase, open sessions, a new passphrase. */
import { execFileSync } from "node:child_process";
import crypto from "node:crypto";
import path from "node:path";
import { axe, ctl, equal, ok, open, overflow, startHub } from "./lib.mjs";

export const pages = [
  { name: "account-passphrase", path: "/account/passphrase", who: "alix" },
  { name: "account-second-factor", path: "/account/second-factor", who: "alix" },
];
/* Seen by the tests below: each needs a browser of its own. */
export const taken = ["/sign-in/code", "/account/second-factor/codes", "/admin/users/reset"];

/** RFC 6238 with Node's own crypto: the phone. */
function code(secret, skew = 0) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = "";
  for (const letter of secret.replaceAll(" ", "")) bits += alphabet.indexOf(letter).toString(2).padStart(5, "0");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + skew));
  const mac = crypto.createHmac("sha1", key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1000000).padStart(6, "0");
}

/** A code goes out of date under one's hands: not in the last two seconds of its half minute. */
async function freshCode(page, secret, skew = 0) {
  const left = 30000 - (Date.now() % 30000);
  if (left < 2000) await page.waitForTimeout(left + 50);
  return code(secret, skew);
}

async function addUser(world, name, role) {
  await ctl(world, "town", "--json", "call", "Accounts/AddUser",
    JSON.stringify({ name, role, passphrase: world.passphrase }));
}

async function passphrase(page, name, words) {
  await page.goto("/sign-in");
  await page.fill("#name", name);
  await page.fill("#passphrase", words);
  await page.click("main button");
}

async function enter(page, digits) {
  await page.fill("#code", digits);
  await page.click("main form .button.primary");
}

/** axe is a script: where there are none, the pictures alone. */
async function look(world, page, name, scripts = true) {
  if (scripts) equal((await axe(world, page)).join("\n"), "", `${name}: axe`);
  const before = page.viewportSize();
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    equal(await overflow(page), "", `${name}: sideways at ${width} px`);
    await page.screenshot({ path: path.join(world.screens, `${name}-fr-light-${width}.png`), fullPage: true });
  }
  await page.setViewportSize(before);
}

async function secondFactor(world, name, scripts) {
  await addUser(world, name, "admin");
  const page = await open(world, { javaScriptEnabled: scripts, bypassCSP: true });
  await passphrase(page, name, world.passphrase);
  await page.goto("/account");
  ok((await page.locator("#protect").innerText()).includes("Protégez votre compte"), "an admin is reminded");
  await look(world, page, "account-unprotected", scripts);
  await page.click("#protect a");
  await page.click("form[action$='/begin'] button");
  const secret = (await page.locator("#secret").innerText()).trim();
  equal(secret.replaceAll(" ", "").length, 32, "letters of the secret");
  const box = await page.locator(".qr").boundingBox();
  ok(box.width > 200 && Math.abs(box.width - box.height) < 1, "a square code large enough to scan");
  await look(world, page, "second-factor-begin", scripts);
  await enter(page, "000000");
  ok((await page.locator("[role=alert]").innerText()).includes("code"), "a wrong code says so");
  equal((await page.locator("#secret").innerText()).trim(), secret, "and the secret is the same one");
  await enter(page, await freshCode(page, secret, -1));
  const recovery = (await page.locator("#recovery-codes li").allInnerTexts()).map((text) => text.trim());
  equal(recovery.length, 8, "recovery codes");
  await look(world, page, "recovery-codes", scripts);
  await page.emulateMedia({ media: "print" });
  ok(await page.locator("#recovery-codes").isVisible(), "they are on paper");
  await page.emulateMedia({ media: "screen" });
  await page.goto("/account/second-factor");
  ok(!(await page.content()).includes(recovery[0]) && !(await page.content()).includes(secret), "shown once");
  ok((await page.locator("main").innerText()).includes("Il en reste 8."), "how many codes are left");
  await look(world, page, "second-factor-on", scripts);
  await page.goto("/account");
  ok((await page.locator("main").innerText()).includes("Il reste 8 codes de secours."), "and on the account");
  equal(await page.locator("#protect").count(), 0, "reminders");

  const other = await open(world, { javaScriptEnabled: scripts, bypassCSP: true });
  await other.goto("/account/passphrase");
  await other.fill("#name", name);
  await other.fill("#passphrase", world.passphrase);
  await other.click("main button");
  equal(new URL(other.url()).pathname, "/sign-in/code", "the passphrase alone");
  await look(world, other, "sign-in-code", scripts);
  await other.goto("/account");
  equal(new URL(other.url()).pathname, "/sign-in", "and opens nothing");
  await other.goto("/sign-in/code?next=/account/passphrase");
  await enter(other, "123456");
  ok((await other.locator("[role=alert]").innerText()).includes("n’est pas bon"), "a wrong code");
  await enter(other, await freshCode(other, secret));
  equal(new URL(other.url()).pathname, "/account/passphrase", "with the code on to where they wanted to go");
  await other.context().close();

  for (const [typed, works] of [[recovery[2], true], [recovery[2], false], [recovery[3].toUpperCase().replaceAll(" ", "-"), true]]) {
    const third = await open(world, { javaScriptEnabled: scripts });
    await passphrase(third, name, world.passphrase);
    await enter(third, typed);
    equal(new URL(third.url()).pathname, works ? "/" : "/sign-in/code", `recovery code ${works ? "once" : "again"}`);
    await third.context().close();
  }
  equal(page.problems.join("\n"), "", "errors in the console");
  await page.context().close();
}

async function sessions(world, scripts) {
  const here = await open(world, { javaScriptEnabled: scripts, userAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0", bypassCSP: true });
  const name = scripts ? "nadia" : "nadine";
  await addUser(world, name, "caseworker");
  await passphrase(here, name, world.passphrase);
  const there = await open(world, { userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1" });
  await passphrase(there, name, world.passphrase);
  await here.goto("/account");
  const list = await here.locator("#open-sessions").innerText();
  ok(list.includes("Firefox sous Windows") && list.includes("Safari sur iPhone"), list);
  ok(!/\d+\.\d+\.\d+/.test(list), "no address and no version");
  await look(world, here, "account-sessions", scripts);
  await here.locator(".row", { hasText: "Safari" }).locator("button").click();
  await here.waitForURL(/done=session-ended/);
  await there.goto("/directory");
  equal(new URL(there.url()).pathname, "/sign-in", "the other browser at its next click");
  await passphrase(there, name, world.passphrase);
  await here.goto("/account");
  await here.click("form[action$='end-others'] button");
  await here.waitForURL(/done=sessions-ended/);
  await there.goto("/directory");
  equal(new URL(there.url()).pathname, "/sign-in", "again");

  await passphrase(there, name, world.passphrase);
  await here.goto("/account/passphrase");
  await here.fill("#old", "pas du tout la bonne");
  await here.fill("#new", "cinq mots vraiment tout neufs");
  await here.click("main form button");
  ok((await here.locator("[role=alert]").innerText()).includes("actuelle"), "the old one is asked for");
  await here.fill("#old", world.passphrase);
  await here.fill("#new", "cinq mots vraiment tout neufs");
  await here.click("main form button");
  await here.waitForURL(/done=passphrase/);
  await there.goto("/account");
  equal(new URL(there.url()).pathname, "/sign-in", "the other browser has to sign in again");
  await passphrase(there, name, world.passphrase);
  equal(new URL(there.url()).pathname, "/sign-in", "the old one no longer works");
  await passphrase(there, name, "cinq mots vraiment tout neufs");
  equal(new URL(there.url()).pathname, "/", "the new one does");
  await there.context().close();
  await here.context().close();
}

/** A hub of its own, "garde", that wants a code of its admins; olga is one. @return how to end it. */
const startStrict = (world) => startHub(world,
  { hub: "garde", name: "Hub prudent", user: "olga", role: "admin", settings: "require-second-factor = admin\n" });

export const tests = [
  ["a code is added and asked for; recovery codes work once", (world) => secondFactor(world, "ines", true)],
  ["the same without scripts", (world) => secondFactor(world, "irina", false)],
  ["sessions are listed in plain words and ended; a new passphrase ends the others", (world) => sessions(world, true)],
  ["sessions and passphrase without scripts", (world) => sessions(world, false)],

  ["a program's token is listed by its label and taken back", async (world) => {
    await addUser(world, "robin", "caseworker");
    await ctl(world, "town", "user", "token", "robin", "--label", "tableur du mardi");
    const page = await open(world, { javaScriptEnabled: false });
    await passphrase(page, "robin", world.passphrase);
    await page.goto("/account");
    await page.locator(".row", { hasText: "tableur du mardi" }).locator("button").click();
    await page.waitForURL(/done=session-ended/);
    equal(await page.locator(".row", { hasText: "tableur du mardi" }).count(), 0, "tokens");
    await page.context().close();
  }],

  ["where a code is required, whoever has none finds only the page that sets it up", async (world) => {
    const end = await startStrict(world);
    const page = await open(world, { hub: "garde", javaScriptEnabled: false, bypassCSP: true });
    try {
      await passphrase(page, "olga", world.passphrase);
      for (const where of ["/", "/admin", "/account", "/directory"]) {
        await page.goto(where);
        equal(new URL(page.url()).pathname, "/account/second-factor", where);
      }
      await look(world, page, "second-factor-must", false);
      /* A page that was left open for longer asks once more who sits there. */
      execFileSync("sqlite3", ["-cmd", ".timeout 5000", path.join(world.territory, "garde", "hub.db"),
        "UPDATE token SET created_ms = created_ms - 1860000"]);
      await page.goto("/account/second-factor");
      equal(await page.locator("form[action$='/begin']").count(), 0, "no code is begun");
      await look(world, page, "second-factor-again", false);
      await page.click("a[href^='/sign-in']");
      await page.fill("#name", "olga");
      await page.fill("#passphrase", world.passphrase);
      await page.click("main button");
      equal(new URL(page.url()).pathname, "/account/second-factor", "back again");
      await page.click("form[action$='/begin'] button");
      const secret = await page.locator("#secret").innerText();
      await enter(page, await freshCode(page, secret));
      await page.goto("/admin");
      equal(new URL(page.url()).pathname, "/admin", "then everything");
    } finally {
      await page.context().close();
      await end();
    }
  }],

  ["an admin signs somebody out everywhere, changes a role, closes and opens access", async (world) => {
    await addUser(world, "sami", "caseworker");
    const page = await open(world, { who: "alix", javaScriptEnabled: false, bypassCSP: true });
    const sami = await open(world);
    await passphrase(sami, "sami", world.passphrase);
    const verb = async (action) => {
      await page.goto("/admin/users");
      const row = page.locator(".row", { hasText: "sami" });
      await row.locator("summary").click();
      if (action === "role") await row.locator("input[value=coordinator]").check();
      if (action === "disable") await look(world, page, "admin-users-manage", false);
      await row.locator(`form[action$='/${action}'] button`).click();
      await page.waitForURL(new RegExp(`done=user-${action}`));
    };
    await verb("sign-out");
    await sami.goto("/account");
    equal(new URL(sami.url()).pathname, "/sign-in", "he is out");
    await verb("role");
    await passphrase(sami, "sami", world.passphrase);
    ok((await sami.locator("nav.menu").innerText()).includes("Entraide"), "his new role");
    await verb("disable");
    await passphrase(sami, "sami", world.passphrase);
    equal(new URL(sami.url()).pathname, "/sign-in", "closed");
    await verb("enable");
    await passphrase(sami, "sami", world.passphrase);
    equal(new URL(sami.url()).pathname, "/", "open again");
    await sami.context().close();
    await page.context().close();
  }],

  ["what is typed is kept where nobody else can read it", async (world) => {
    const words = "Deux lits d’enfant";
    const kept = () => page.evaluate(() => JSON.stringify({ ...localStorage }));
    const back = () => page.waitForFunction((text) => document.querySelector("[name=what]").value === text, words);
    await addUser(world, "dora", "coordinator");
    const page = await open(world);
    await passphrase(page, "dora", world.passphrase);
    await page.goto("/notices/new");
    await page.fill("[name=what]", words);
    await page.waitForFunction(() => localStorage.length > 0);
    await page.goto("/notices/new");
    await back();
    ok(!(await kept()).includes("enfant"), await kept());
    await ctl(world, "town", "user", "sign-out", "dora");
    await page.goto("/notices/new");
    equal(new URL(page.url()).pathname, "/sign-in", "she is out");
    equal(await page.evaluate(() => document.body.dataset.key), undefined, "the key");
    ok((await kept()).includes("sealed") && !(await kept()).includes("enfant"), await kept());
    await passphrase(page, "dora", world.passphrase);
    await page.goto("/notices/new");
    await back();
    /* One of another, and one that was kept as it is by an older version. */
    await page.evaluate(() => {
      localStorage.setItem("draft:dora:other", localStorage.getItem("draft:dora:notice"));
      localStorage.setItem("draft:dora:notice", JSON.stringify({ at: Date.now(), values: [["what", "en clair"]] }));
    });
    await page.goto("/notices/new");
    await page.waitForFunction(() => !localStorage.getItem("draft:dora:notice"));
    equal(await page.inputValue("[name=what]"), "", "of neither");
    equal(page.problems.join("\n"), "", "errors in the console");
    await page.context().close();
  }],

  ["a stranger's guesses do not keep out a browser that has signed in before", async (world) => {
    await addUser(world, "yann", "caseworker");
    const own = await open(world), stranger = await open(world, { javaScriptEnabled: false });
    await passphrase(own, "yann", world.passphrase);
    await own.context().clearCookies({ name: /maillon$/ });
    for (let i = 0; i < 6; i++) await passphrase(stranger, "yann", `essai numéro ${i} au hasard`);
    ok(/Attendez (une seconde|\d+ secondes)/.test(await stranger.locator("[role=alert]").innerText()), "how long to wait");
    await passphrase(own, "yann", world.passphrase);
    equal(new URL(own.url()).pathname, "/", "Yann is in");
    const cookies = await own.context().cookies();
    for (const cookie of cookies.filter((c) => c.name !== "maillon-lang"))
      ok(cookie.name.startsWith("__Host-") && cookie.httpOnly && cookie.secure && cookie.sameSite === "Lax", JSON.stringify(cookie));
    await own.context().close();
    await stranger.context().close();
  }],
];
