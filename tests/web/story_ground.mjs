/* Sign-in, home, account, errors: what every other page stands on. */
import { axe, ctl, equal, ok, open, signIn } from "./lib.mjs";

export const pages = [
  { name: "sign-in", path: "/sign-in", who: "" },
  { name: "home-caseworker", path: "/", who: "paul", hub: "mulots" },
  { name: "home-sender", path: "/", who: "marie" },
  { name: "home-coordinator", path: "/", who: "lea" },
  { name: "account", path: "/account", who: "alix" },
  { name: "not-found", path: "/no-such-page", who: "marie", status: 404 },
];

export const tests = [
  ["sign-in works without scripts, and the cookie is out of reach of scripts", async (world) => {
    const page = await open(world, { javaScriptEnabled: false });
    await page.goto("/account");
    equal(new URL(page.url()).pathname, "/sign-in", "a visitor is led to sign-in");
    await page.fill("#name", "marie");
    await page.fill("#passphrase", world.passphrase);
    await page.click("main button");
    equal(new URL(page.url()).pathname, "/account", "and on to where they wanted to go");
    const cookie = (await page.context().cookies()).find((c) => c.name === "__Host-maillon");
    ok(cookie.httpOnly && cookie.secure && cookie.sameSite === "Lax", JSON.stringify(cookie));
    await page.click("form[action='/sign-out'] button");
    equal(new URL(page.url()).pathname, "/sign-in", "signed out");
    await page.goto("/");
    equal(new URL(page.url()).pathname, "/sign-in", "the session is over");
    await page.context().close();
  }],

  ["sign-in and the first row by keyboard alone, focus always visible", async (world) => {
    const page = await open(world, { hub: "mulots" });
    const focus = () => page.evaluate(() => {
      const e = document.activeElement, style = getComputedStyle(e);
      return { text: e.innerText?.trim() || e.id, id: e.id, outline: parseFloat(style.outlineWidth), href: e.getAttribute("href") };
    });
    await page.goto("/sign-in");
    await page.keyboard.press("Tab");
    equal((await focus()).href, "#main", "first comes the way to the content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    equal((await focus()).id, "name", "then the form");
    await page.keyboard.type("paul");
    await page.keyboard.press("Tab");
    await page.keyboard.type(world.passphrase);
    ok((await focus()).outline >= 2, "the focus shows");
    await Promise.all([page.waitForURL((url) => url.pathname === "/"), page.keyboard.press("Enter")]);
    for (let i = 0; i < 25; i++) {
      await page.keyboard.press("Tab");
      const now = await focus();
      ok(now.outline >= 2, `the focus shows on ${now.text}`);
      if (now.href?.startsWith("/referrals/")) return page.context().close();
    }
    throw new Error("25 tabs do not reach the first row");
  }],

  ["a wrong passphrase says what to do and keeps the name", async (world) => {
    const page = await open(world, { bypassCSP: true });
    await page.goto("/sign-in");
    await page.fill("#name", "marie");
    await page.fill("#passphrase", "pas la bonne du tout");
    await page.click("main button");
    equal(await page.inputValue("#name"), "marie", "name");
    equal(await page.inputValue("#passphrase"), "", "passphrase");
    ok((await page.locator("[role=alert]").innerText()).length > 20, "an explanation");
    equal((await axe(world, page)).join("\n"), "", "axe");
    await page.context().close();
  }],

  ["the language switches on the page and stays", async (world) => {
    const page = await open(world, { who: "marie" });
    await page.goto("/");
    await page.click(".languages a[lang=en]");
    equal(await page.getAttribute("html", "lang"), "en", "language");
    await page.goto("/account");
    equal(await page.getAttribute("html", "lang"), "en", "on the next page too");
    await page.context().close();
  }],

  ["what an organisation or a person is called cannot become markup", async (world) => {
    const page = await open(world, { who: "paul", hub: "mulots" });
    await page.goto("/");
    equal(await page.locator("main b, main script").count(), 0, "elements out of data");
    ok((await page.locator(".rows").first().innerText()).includes("Villemarqué"), "the person is named to who may see");
    await page.context().close();
  }],

  ["a row changes by itself when the other side acts", async (world) => {
    const page = await open(world, { who: "marie" });
    const watching = page.waitForEvent("websocket");
    await page.goto("/referrals");
    await watching;
    const row = page.locator(".row", { hasText: "Villemarqué" });
    await row.waitFor();
    await ctl(world, "mulots", "--user", "paul", "referral", "seen", world.requested);
    await row.locator(".status", { hasText: /^vue$/ }).waitFor();
    equal(page.problems.join("\n"), "", "errors in the console");
    await page.context().close();
  }],

  ["a session of one browser cannot be used from a page elsewhere", async (world) => {
    const page = await open(world);
    await signIn(world, page, "marie");
    const answer = await page.request.post("/sign-out", { form: { csrf: "" }, maxRedirects: 0 });
    equal(answer.status(), 403, "a form without its token");
    await page.goto("/account");
    equal(new URL(page.url()).pathname, "/account", "still signed in");
    await page.context().close();
  }],

  ["at 400 % zoom of a 1280 px window everything is still there", async (world) => {
    const page = await open(world, { who: "paul", hub: "mulots", viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 });
    await page.goto("/");
    ok(await page.locator(".row .button").first().isVisible(), "the verb of the first row");
    await page.context().close();
  }],
];
