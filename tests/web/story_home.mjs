/* The first page, what it says by itself, drafts that nothing takes away, figures, and the pages everybody may read. */
import path from "node:path";
import { execFileSync, spawn } from "node:child_process";
import { axe, ctl, equal, freePort, ok, open, overflow, photograph, signIn } from "./lib.mjs";

export const pages = [
  { name: "home-all", path: "/", who: "alix" },
  { name: "figures", path: "/figures", who: "marie" },
  { name: "figures-in", path: "/figures?box=in&months=3", who: "paul", hub: "mulots" },
  { name: "about", path: "/about", who: "" },
  { name: "accessibility", path: "/accessibility", who: "" },
];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A hub of its own, "seul", with nobody around: to be killed and started as often as needed. */
async function startAlone(world) {
  const port = await freePort(), state = path.join(world.territory, "seul");
  world.seul = `https://127.0.0.1:${port}`;
  await ctl(world, "seul", "init", "--name", "Le Café du port", "--state", state, "--listen", `127.0.0.1:${port}`,
    "--url", `wss://127.0.0.1:${port}`, "--sheets", `${state}.sheets`);
  const hub = {
    state,
    async start() {
      hub.child = spawn(world.hubd, ["--state", state], { stdio: "ignore" });
      for (let i = 0; ; i++) {
        try {
          return await ctl(world, "seul", "--json", "status");
        } catch (error) {
          if (i > 100) throw error;
          await pause(100);
        }
      }
    },
    end: (signal) => new Promise((resolve) => {
      if (hub.child.exitCode !== null || hub.child.signalCode) return resolve(); /* over already */
      hub.child.on("close", resolve);
      hub.child.kill(signal);
    }),
  };
  process.on("exit", () => hub.child?.kill("SIGKILL"));
  await hub.start();
  for (const [name, role] of [["ana", "caseworker,coordinator,admin"], ["bob", "coordinator"]])
    await ctl(world, "seul", "--json", "call", "Accounts/AddUser", JSON.stringify({ name, role, passphrase: world.passphrase }));
  return hub;
}

const alter = (state, sql) => execFileSync("sqlite3", ["-cmd", ".timeout 5000", path.join(state, "hub.db"), sql], { encoding: "utf8" }).trim();

async function firstDay(world) {
  const page = await open(world, { who: "ana", hub: "seul", bypassCSP: true });
  await page.goto("/");
  const steps = page.locator(".first-steps li");
  equal(await steps.count(), 3, "things to do first");
  ok((await steps.first().innerText()).includes("qui vous êtes"), "an admin begins with the card");
  equal((await axe(world, page)).join("\n"), "", "axe");
  await photograph(world, page, "home-first-day");
  await page.click(".first-steps a[href='/admin/card']");
  await page.fill("#phone", "02 99 71 55 55");
  await page.click("form[action='/admin/card'] button");
  await page.waitForURL(/done=card/);
  await page.goto("/");
  ok((await steps.first().innerText()).includes("Fait"), "what is done is ticked off");
  await page.context().close();

  const bob = await open(world, { who: "bob", hub: "seul", javaScriptEnabled: false });
  await bob.goto("/");
  ok((await bob.locator(".first-steps").innerText()).includes("manque"), "a coordinator begins with notices");
  await bob.context().close();
}

const what = "Trois poussettes doubles, en bon état";
const typed = (page) => page.inputValue("[name=what]");
/** It is opened first, which takes a moment. */
const recalled = (page, words) => until(async () => (await typed(page)) === words, `"${words}" is there again`);

async function drafts(world, hub) {
  const first = await open(world, { who: "ana", hub: "seul" });
  await first.goto("/notices/new");
  await first.fill("[name=what]", what);
  await hub.end("SIGKILL");
  await first.close(); /* the browser crashes as well */
  await hub.start();
  const page = await first.context().newPage();
  await page.goto("/notices/new");
  await recalled(page, what); /* after kill -9 and a new start */

  /* The session ends while the form is open; sending it asks who one is, and goes on with the form. */
  alter(hub.state, "DELETE FROM token");
  await page.fill("[name=what]", `${what}!`);
  await page.click("main form[data-draft] button:not([type=button])");
  await page.locator("form[action='/sign-in']").waitFor();
  await page.fill("#name", "ana");
  await page.fill("#passphrase", world.passphrase);
  await page.click("main button");
  await page.locator("form[data-draft]").waitFor();
  await recalled(page, `${what}!`); /* after the session had ended */

  await page.goto("/account");
  await page.click("form[action='/sign-out'] button");
  await page.waitForURL(/sign-in/);
  equal(await page.evaluate(() => Object.keys(localStorage).length), 0, "left behind after signing out");
  await signIn(world, page, "ana");
  await page.goto("/notices/new");
  await page.fill("[name=what]", what);
  await page.context().clearCookies();
  await page.goto("/sign-in");
  await signIn(world, page, "bob");
  await page.goto("/notices/new");
  equal(await typed(page), "", "somebody else's draft on a shared computer");
  ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage }))).includes("poussettes"), "nor what is kept of it");
  equal(first.problems.join("\n"), "", "errors in the console");
  await page.context().close();
  world.states.delete("seul ana");
  world.states.delete("seul bob");
}

const send = (world, name) => ctl(world, "town", "--user", "marie", "--json", "referral", "send", "--to", world.service, "--name", name,
  "--need", "aimerait apprendre à se servir d’un ordinateur", "--theme", "numerique", "--contact-by", "caseworker",
  "--consent", "spoken", "--share", "name,contact,need", "--referrer-name", "Marie, CCAS",
  "--referrer-phone", "02 99 71 00 00").then((out) => JSON.parse(out).id);
const act = (world, hub, who, ...args) => ctl(world, hub, "--user", who, "referral", ...args);
const state = async (world, hub, who, id) => JSON.parse(await ctl(world, hub, "--user", who, "--json", "referral", "show", id)).status;

async function until(check, what) {
  for (let i = 0; i < 100; i++) {
    if (await check().catch(() => false)) return;
    await pause(100);
  }
  throw new Error(`it does not come to this: ${what}`);
}

export const tests = [
  ["the first days say three things to do, by role; drafts outlive kill -9, the session and others", async (world) => {
    const hub = await startAlone(world);
    try {
      await firstDay(world);
      await drafts(world, hub);
    } finally {
      await hub.end("SIGKILL");
      world.states.delete("seul ana");
      world.states.delete("seul bob");
    }
  }],

  ["one list, late first, one verb a row, and a question to the directory in two actions", async (world) => {
    for (const javaScriptEnabled of [true, false]) {
      const page = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled });
      await page.goto("/");
      const rows = page.locator("#waiting .row");
      const count = await rows.count();
      ok(count >= 1 && count <= 7, `${count} rows`);
      ok((await rows.first().getAttribute("class")).includes("is-late"), "the late one is first");
      equal(await rows.locator(".button").count(), count, "verbs");
      const ranks = await rows.evaluateAll((list) => list.map((row) =>
        row.classList.contains("is-late") ? 0 : row.querySelector(".badge.todo") ? 1 : 2));
      equal(ranks.join(), [...ranks].sort().join(), "late, then answers, then news");
      await page.fill("#find", "apprendre ordinateur");
      await page.press("#find", "Enter");
      ok((await page.locator("main").innerText()).includes("Les Mulots") || (await page.locator(".service").count()) > 0, "services");
      await page.context().close();
    }
  }],

  ["a referral shows the clock that runs as the first page does, with words beside it", async (world) => {
    const page = await open(world, { who: "paul", hub: "mulots" });
    const drawn = (where) => page.getAttribute(`${where} .ring .over`, "stroke-dasharray");
    const row = `[data-row=referral-${world.requested}]`;
    await page.goto("/");
    ok(await page.isVisible(`${row} .ring.is-late`), "a ring on the first page");
    const first = await drawn(row);
    await page.goto(`/referrals/${world.requested}`);
    equal(await drawn("#state"), first, "the same ring on the referral's own page");
    ok(await page.isVisible("#state .ring.is-late"), "which is late");
    const said = await page.innerText("#state .waits");
    ok(/Il fallait répondre avant le/.test(said) && /En retard\s: le délai a fini il y a/.test(said), `who, what, by when: ${said}`);
    await page.goto(`/referrals/${world.requested}?lang=en`);
    ok(/Late: the time to answer ended/.test(await page.innerText("#state .waits")), "in English, too");
    await page.goto("/?lang=fr");
    const sender = await open(world, { who: "marie" });
    await sender.goto(`/referrals/${world.accepted}`);
    equal(await sender.locator("#state .ring").count(), 0, "no ring once it is answered");
  }],
  ["news come without reloading, are told to screen readers, and end when they are opened", async (world) => {
    const id = await send(world, "Yvonne");
    await until(async () => (await state(world, "mulots", "paul", id)) === "requested", "it arrives");
    const page = await open(world, { who: "marie" });
    const watching = page.waitForEvent("websocket");
    await page.goto("/");
    await watching;
    await page.fill("#find", "loyer");
    await act(world, "mulots", "paul", "accept", id, "--contact", "Paul", "--phone", "02 99 72 00 00", "--next-step", "venir mardi");
    const row = page.locator(".row", { hasText: "Yvonne" });
    await row.waitFor();
    ok(/nouveauté/.test(await page.locator("#told").textContent()), "told to who listens");
    equal(await page.inputValue("#find"), "loyer", "what is being typed");
    equal(await page.evaluate(() => document.activeElement.id), "find", "focus");
    await row.locator("a.button").click();
    await page.waitForURL(/referrals\//);
    await until(async () => {
      await page.goto("/");
      return (await row.count()) === 0;
    }, "opened news go");
    await act(world, "mulots", "paul", "complete", id, "--outcome", "helped");
    await row.waitFor();
    equal(page.problems.join("\n"), "", "errors in the console");
    await page.context().close();
  }],

  ["figures equal what was done, and no number under five is shown", async (world) => {
    const ids = [];
    for (const name of ["Ali", "Bea", "Cem", "Dia", "Eve"]) ids.push(await send(world, name));
    for (const id of ids) {
      await until(async () => (await state(world, "mulots", "paul", id)) === "requested", "it arrives");
      await act(world, "mulots", "paul", "accept", id, "--contact", "Paul", "--phone", "02 99 72 00 00", "--next-step", "venir mardi");
      await act(world, "mulots", "paul", "complete", id, "--outcome", "helped");
    }
    await until(async () => (await state(world, "town", "marie", ids.at(-1))) === "completed", "the end is back");
    const town = path.join(world.territory, "town");
    const counted = (where) => Number(alter(town, `SELECT COUNT(*) FROM referral WHERE is_out = 1 AND exercise = 0 AND status NOT IN (0, 10) AND ${where}`));
    const page = await open(world, { who: "marie", javaScriptEnabled: false });
    await page.goto("/figures?box=out");
    const figure = (name) => page.locator(".figure", { hasText: name }).locator(".figure-value");
    equal(parseInt(await figure("Personnes orientées").last().innerText(), 10), counted("1"), "sent");
    const closed = counted("status IN (7, 8)"), ended = counted("status NOT IN (2, 3, 5, 6)");
    ok(closed >= 5, "enough to be shown");
    equal(parseInt(await figure("On sait ce que ça a donné").innerText(), 10), Math.round((closed * 100) / ended), "closed with an outcome");
    const shown = await page.locator("main").innerText();
    ok(shown.includes(`${closed} sur ${ended}.`), "and out of what");
    equal((await page.locator(".bar-value, td.number").allInnerTexts()).filter((text) => /^[1-4]$/.test(text.trim())).join(), "", "numbers of one to four");
    const csv = decodeURIComponent((await page.locator("a[download]").getAttribute("href")).replace(/^data:[^,]*,/, ""));
    ok(csv.includes(`\r\nall,,${counted("1")},`), csv);
    const told = JSON.parse(await ctl(world, "town", "--json", "figures", "--box", "out"));
    equal(told.total.sent.value, counted("1"), "hubctl figures");
    await page.context().close();
  }],

  ["at 400 % zoom the first page keeps its question, its rows and its verbs", async (world) => {
    const page = await open(world, { who: "alix", viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 });
    await page.goto("/");
    equal(await overflow(page), "", "sideways");
    ok(await page.locator("#find").isVisible(), "the question");
    ok(await page.locator("#waiting .row .button").first().isVisible(), "a verb");
    await page.context().close();
  }],

  ["what the hub keeps and how far everybody can use it is a click away from any page", async (world) => {
    const page = await open(world, { javaScriptEnabled: false });
    await page.goto("/sign-in");
    await page.click("footer a[href='/accessibility']");
    ok((await page.locator("main").innerText()).includes("partiellement conforme"), "the statement is honest");
    await page.click("footer a[href='/about']");
    ok((await page.locator("main").innerText()).includes("CCAS de Redon"), "whose hub it is");
    await page.context().close();
  }],
];
