/* Who runs the hub: its health, a new neighbour by invitation and words, switches, people. */
import net from "node:net";
import path from "node:path";
import { execFileSync, spawn } from "node:child_process";
import { axe, ctl, equal, ok, open, overflow, signIn } from "./lib.mjs";

export const pages = [
  { name: "admin", path: "/admin", who: "alix" },
  { name: "admin-peers", path: "/admin/peers", who: "alix" },
  { name: "admin-peer", path: "/admin/peers/Les%20Mulots", who: "alix" },
  { name: "admin-peer-leave", path: "/admin/peers/Les%20Mulots/leave", who: "alix" },
  { name: "admin-link", path: "/admin/invite", who: "alix" },
  { name: "admin-users", path: "/admin/users", who: "alix" },
  { name: "admin-queue", path: "/admin/queue", who: "alix" },
  { name: "admin-check", path: "/admin/check", who: "alix" },
  { name: "admin-keys", path: "/admin/keys", who: "alix" },
  { name: "admin-circles", path: "/admin/circles", who: "alix" },
  { name: "admin-circle", path: (world) => `/admin/circles/${world.circle}`, who: "alix" },
  { name: "admin-circle-leave", path: (world) => `/admin/circles/${world.circle}/leave`, who: "alix" },
  { name: "admin-circle-join", path: "/admin/circles/join", who: "alix" },
];

const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** A third hub, "voisin", that knows nobody yet; zoe runs it. @return how to end it. */
async function startNeighbour(world) {
  const port = await freePort(), state = path.join(world.territory, "voisin");
  world.voisin = `https://127.0.0.1:${port}`;
  await ctl(world, "voisin", "init", "--name", "Épicerie solidaire", "--state", state, "--listen", `127.0.0.1:${port}`,
    "--url", `wss://127.0.0.1:${port}`, "--sheets", `${state}.sheets`);
  const child = spawn(world.hubd, ["--state", state], { stdio: "ignore" });
  const end = () => child.kill();
  process.on("exit", end);
  for (let i = 0; ; i++) {
    try {
      await ctl(world, "voisin", "--json", "status");
      break;
    } catch (error) {
      if (i > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  await ctl(world, "voisin", "--json", "call", "Accounts/AddUser",
    JSON.stringify({ name: "zoe", role: "admin,coordinator", passphrase: world.passphrase }));
  return () => new Promise((resolve) => {
    process.off("exit", end);
    child.on("close", resolve);
    end();
  });
}

async function until(page, where, locator) {
  for (let i = 0; i < 100; i++) {
    await page.goto(where);
    if (await locator.count()) return;
    await page.waitForTimeout(100);
  }
  throw new Error(`${where} does not come to it`);
}

/** From a page of the peer through the page that asks. */
async function decide(page, verb) {
  await page.click(`main a[href$='/${verb}']`);
  ok(/orientation/.test(await page.locator("#open-referrals").innerText()), `${verb}: open referrals are said first`);
  await page.click("main form button");
  await page.waitForURL(new RegExp(`done=peer-${verb}`));
}

async function checkLook(world, page) {
  const problems = await axe(world, page);
  equal(problems.join("\n"), "", "axe");
  await page.setViewportSize({ width: 320, height: 800 });
  equal(await overflow(page), "", "sideways at 320 px");
  await page.setViewportSize({ width: 1280, height: 900 });
}

async function link(world) {
  const alix = await open(world, { who: "alix", bypassCSP: true });
  const zoe = await open(world, { who: "zoe", hub: "voisin", javaScriptEnabled: false });
  await alix.goto("/admin/peers");
  await alix.click("a[href='/admin/invite']");
  await alix.click("form[action='/admin/invite'] button");
  const invite = await alix.inputValue("#invitation");
  ok(invite.length > 40 && invite.length <= 300, `an invitation of ${invite.length} characters`);
  const box = await alix.locator(".qr").boundingBox();
  ok(box.width > 200 && Math.abs(box.width - box.height) < 1, "a square code large enough to scan");
  equal((await alix.locator(".words.large").innerText()).trim().split(/\s+/).length, 6, "words");
  await checkLook(world, alix);
  await alix.screenshot({ path: path.join(world.screens, "admin-invite-fr-light-1280.png"), fullPage: true });
  await zoe.goto("/admin/invite");
  await zoe.fill("#invitation", invite);
  await zoe.check("input[name=local]");
  await zoe.click("form[action='/admin/join'] button");
  await zoe.waitForURL(/done=joined/);
  const row = alix.locator(".row", { hasText: "attend votre accord" });
  await until(alix, "/admin/peers", row);
  await row.locator("a.button").click();
  await alix.locator(".compare").waitFor();
  const words = (page) => page.locator(".compare .words").allInnerTexts();
  equal((await words(alix)).join("/"), (await words(zoe)).reverse().join("/"), "each reads what the other has");
  await alix.screenshot({ path: path.join(world.screens, "admin-peer-waiting-fr-light-1280.png"), fullPage: true });
  await decide(alix, "accept");
  await alix.locator(".badge", { hasText: "relié" }).waitFor();
  await until(zoe, new URL(zoe.url()).pathname, zoe.locator(".badge", { hasText: "relié" }));
  const there = new URL(alix.url()).pathname;
  const facts = await alix.locator("#peer .facts").innerText();
  for (const word of ["par une invitation", "Nous l’appelons", "Il nous appelle", "tout est parti"])
    ok(facts.includes(word), `the page of a peer says "${word}": ${facts}`);
  ok(await alix.isChecked("input[name=notices_in]"), "notices are on at first");
  ok(!(await alix.isChecked("input[name=referrals]")), "persons are not");
  await alix.check("input[name=referrals]");
  await alix.uncheck("input[name=notices_in]");
  await alix.click("form[action$='/switches'] button");
  await alix.waitForURL(/done=switches/);
  ok(await alix.isChecked("input[name=referrals]") && !(await alix.isChecked("input[name=notices_in]")), "both switches changed");
  equal(alix.problems.join("\n"), "", "errors in the console");
  await alix.context().close();

  const calm = await open(world, { who: "alix", javaScriptEnabled: false });
  await calm.goto(there);
  await circle(world, calm, zoe);
  await calm.goto(there);
  for (const verb of ["pause", "accept", "block", "unblock", "leave"]) await decide(calm, verb);
  await calm.context().close();
  await zoe.context().close();
}

/** Does what sqlite3 says to the hub "voisin": a restore without the hour it takes. */
const alter = (world, sql) => execFileSync("sqlite3", ["-cmd", ".timeout 5000", path.join(world.territory, "voisin", "hub.db"), sql]);

const photograph = async (world, page, name) => {
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    equal(await overflow(page), "", `${name} at ${width} px`);
    await page.screenshot({ path: path.join(world.screens, `${name}-fr-light-${width}.png`), fullPage: true });
  }
};

/** The town lets a neighbour into its circle; it leaves, is let in again, and cannot leave while it is restored. */
async function circle(world, alix, zoe) {
  const here = `/admin/circles/${world.circle}`;
  await zoe.goto("/admin/circles/join");
  await zoe.fill("#id", "Pays inconnu");
  await zoe.selectOption("#via", { label: "CCAS de Redon" });
  await zoe.click("main form button");
  ok((await zoe.locator("[role=alert]").innerText()).includes("numéro entier"), "what to do about a circle not known");
  equal(await zoe.inputValue("#id"), "Pays inconnu", "what was typed");
  await zoe.fill("#id", world.circle);
  await zoe.fill("#text", "Bonjour du marché");
  await zoe.click("main form button");
  await zoe.waitForURL(/done=circle-join/);

  const ask = alix.locator(".row", { hasText: "Bonjour du marché" });
  await until(alix, here, ask);
  await ask.locator("form[action$='/admit'] button").click();
  await alix.waitForURL(/done=circle-admit/);
  equal(await ask.count(), 0, "asks of this hub that are left");

  await until(zoe, here, zoe.locator(".badge", { hasText: "membre" }));
  await zoe.click("a.button[href$='/leave']");
  await zoe.click("main form button");
  await zoe.waitForURL(/done=circle-leave/);
  equal(await zoe.locator("a.button[href$='/leave']").count(), 0, "ways to leave what was left");

  /* Admitted unasked: it reads the lines and agrees. */
  await ctl(world, "town", "circle", "admit", world.circle, "Épicerie solidaire");
  await until(zoe, here, zoe.locator("a.button[href$='/join']", { hasText: "Entrer dans ce cercle" }));
  await photograph(world, zoe, "admin-circle-invited");
  await zoe.click("a.button[href$='/join']");
  ok((await zoe.locator("ol.lines").innerText()).includes("Personne n'est renvoyé"), "the lines are read first");
  await zoe.click("main form button");
  await zoe.waitForURL(/done=circle-join/);
  await until(zoe, here, zoe.locator(".badge", { hasText: "membre" }));

  /* No answer of a neighbour is taken meanwhile: else it would be over before it is seen. */
  alter(world, "CREATE TRIGGER hold BEFORE INSERT ON recovery_peer BEGIN SELECT RAISE(IGNORE); END;"
    + " DELETE FROM recovery_peer; UPDATE authoring SET reason = 1, since_ms = unixepoch() * 1000");
  for (const where of ["/", "/notices", "/admin"]) {
    await zoe.goto(where);
    ok((await zoe.locator(".trouble").innerText()).includes("restauré d’une copie"), `${where} tells everybody`);
  }
  await photograph(world, zoe, "admin-recovering");
  await zoe.goto("/?lang=en");
  ok((await zoe.locator(".trouble").innerText()).includes("restored from a copy"), "in English too");
  await zoe.goto(`${here}?lang=fr`);
  await zoe.click("a.button[href$='/leave']");
  await zoe.click("main form button");
  ok((await zoe.locator("[role=alert]").innerText()).includes("restauré d’une copie"), "the refusal speaks French");
  await photograph(world, zoe, "admin-refused");
  await zoe.goto("/admin");
  await zoe.click("a.button[href='/admin/recovery']");
  ok((await zoe.locator("main form").innerText()).includes("abandonné"), "what going on costs");
  alter(world, "DROP TRIGGER hold; UPDATE authoring SET reason = 0, since_ms = 0");

  await zoe.goto(here);
  equal(await zoe.locator(".trouble").count(), 0, "banners when all is well");
}

export const tests = [
  ["a neighbour is invited, joins, is accepted after the words; switches and every verb", async (world) => {
    const end = await startNeighbour(world);
    try {
      await link(world);
    } finally {
      await end();
      world.states.delete("voisin zoe");
    }
  }],

  ["an invitation that cannot be read says so and is kept", async (world) => {
    const page = await open(world, { who: "alix", javaScriptEnabled: false });
    await page.goto("/admin/invite");
    await page.fill("#invitation", "maillon:nonsense");
    await page.click("form[action='/admin/join'] button");
    ok((await page.locator("[role=alert]").innerText()).includes("invitation"), "what to do");
    equal(await page.inputValue("#invitation"), "maillon:nonsense", "what was typed");
    await page.context().close();
  }],

  ["a person is added; the passphrase is shown once and opens the door until access ends", async (world) => {
    const page = await open(world, { who: "alix", javaScriptEnabled: false, bypassCSP: true });
    await page.goto("/admin/users");
    await page.fill("#name", "noor");
    await page.check("input[name=role][value=caseworker]");
    await page.check("input[name=role][value=coordinator]");
    await page.click("form[action='/admin/users'] button");
    const passphrase = (await page.locator(".words.large").innerText()).trim();
    ok(passphrase.length > 15, "a passphrase");
    await page.screenshot({ path: path.join(world.screens, "admin-passphrase-fr-light-1280.png"), fullPage: true });
    await page.goto("/admin/users");
    ok(!(await page.content()).includes(passphrase), "shown once");
    const noor = await open(world);
    await signIn({ passphrase }, noor, "noor");
    ok((await noor.locator("nav.menu").innerText()).includes("Entraide"), "she is in");
    await page.click(".row:has-text('noor') summary:has-text('Couper')");
    await page.click(".row:has-text('noor') form[action$='/disable'] button");
    await page.waitForURL(/done=user-disabled/);
    await noor.goto("/account");
    equal(new URL(noor.url()).pathname, "/sign-in", "her access is over");
    await noor.context().close();
    await page.context().close();
  }],

  ["the keys page names the command and the sheet, and takes no key", async (world) => {
    const page = await open(world, { who: "alix", javaScriptEnabled: false });
    await page.goto("/admin/keys");
    ok((await page.locator("main").innerText()).includes("En ordre"), "the state in words");
    ok((await page.locator("pre.command").allInnerTexts()).includes("hubctl keys revoke --stolen"), "the exact command");
    equal(await page.locator("main input, main textarea").count(), 0, "fields to type a key into");
    await page.context().close();
  }],

  ["the health page says what is held for others, and reads the log again when asked", async (world) => {
    const page = await open(world, { who: "alix", javaScriptEnabled: false });
    await page.goto("/admin");
    ok((await page.locator("section[aria-labelledby=relays]").innerText()).includes("Les Mulots"), "for whom it relays");
    ok((await page.locator("section[aria-labelledby=audit]").innerText()).includes("Aucune alarme"), "no alarm");
    await page.click("a[href^='/admin/check']");
    ok((await page.locator("section[aria-labelledby=audit] [role=status]").innerText()).includes("rien n’a été changé"), "it was read");
    equal(await page.locator(".trouble").count(), 0, "banners when all is well");
    await page.context().close();
  }],

  ["a coordinator finds no door to the hub's own pages", async (world) => {
    const page = await open(world, { who: "lea" });
    for (const where of ["/admin", "/admin/peers", "/admin/users", "/admin/invite", "/admin/queue", "/admin/keys", "/admin/circles", "/admin/recovery"])
      equal((await page.goto(where)).status(), 403, where);
    equal(await page.locator("nav.menu a[href='/admin']").count(), 0, "a link");
    await page.context().close();
  }],
];
