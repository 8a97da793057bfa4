/* Who runs the hub: its health, a new neighbour by invitation and words, switches, people. */
import fs from "node:fs";
import path from "node:path";
import { execFileSync } from "node:child_process";
import { axe, ctl, equal, ok, open, overflow, photograph, signIn, startHub } from "./lib.mjs";

export const pages = [
  { name: "admin", path: "/admin", who: "alix" },
  { name: "admin-peers", path: "/admin/peers", who: "alix" },
  { name: "admin-peer", path: "/admin/peers/Les%20Mulots", who: "alix" },
  { name: "admin-peer-leave", path: "/admin/peers/Les%20Mulots/leave", who: "alix" },
  { name: "admin-link", path: "/admin/invite", who: "alix" },
  { name: "admin-users", path: "/admin/users", who: "alix" },
  { name: "admin-queue", path: "/admin/queue", who: "alix" },
  { name: "admin-card", path: "/admin/card", who: "alix" },
  { name: "admin-backup", path: "/admin/backup", who: "alix" },
  { name: "admin-config", path: "/admin/config", who: "alix" },
  { name: "admin-check", path: "/admin/check", who: "alix" },
  { name: "admin-keys", path: "/admin/keys", who: "alix" },
  { name: "admin-circles", path: "/admin/circles", who: "alix" },
  { name: "admin-circle", path: (world) => `/admin/circles/${world.circle}`, who: "alix" },
  { name: "admin-circle-leave", path: (world) => `/admin/circles/${world.circle}/leave`, who: "alix" },
  { name: "admin-circle-join", path: "/admin/circles/join", who: "alix" },
];

/** A third hub, "voisin", that knows nobody yet; zoe runs it. @return how to end it. */
const startNeighbour = (world) =>
  startHub(world, { hub: "voisin", name: "Épicerie solidaire", user: "zoe", role: "admin,coordinator" });

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
  await alix.check("input[name=local]"); /* who accepts says it here; who joins said so */
  await alix.click("form[action$='/switches'] button");
  await alix.locator(".flash").waitFor();
  ok(await alix.isChecked("input[name=local]") && await alix.isChecked("input[name=referrals]"), "it may be called on the local network");
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
  await photograph(world, zoe, "admin-circle-agree");
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
  await photograph(world, zoe, "admin-recovery");
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
    await page.check("form[action='/admin/users'] input[name=role][value=caseworker]");
    await page.check("form[action='/admin/users'] input[name=role][value=coordinator]");
    await page.click("form[action='/admin/users'] button");
    const passphrase = (await page.locator(".words.large").innerText()).trim();
    ok(passphrase.length > 15, "a passphrase");
    await page.screenshot({ path: path.join(world.screens, "admin-passphrase-fr-light-1280.png"), fullPage: true });
    await page.goto("/admin/users");
    ok(!(await page.content()).includes(passphrase), "shown once");
    const noor = await open(world);
    await signIn({ passphrase }, noor, "noor");
    ok((await noor.locator("nav.menu").innerText()).includes("Entraide"), "she is in");
    await page.click(".row:has-text('noor') summary:has-text('Gérer')");
    await page.click(".row:has-text('noor') form[action$='/disable'] button");
    await page.waitForURL(/done=user-disable/);
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

  ["a backup is made from the page, which says where it is and that the keys go elsewhere", async (world) => {
    const page = await open(world, { who: "alix", bypassCSP: true });
    await page.goto("/admin/backup");
    await page.click("form[action='/admin/backup'] button");
    const [copy, keys] = await page.locator("main dd .code").allInnerTexts();
    ok(fs.statSync(copy).size > 100000 && fs.statSync(keys).size > 0, "both files are there");
    ok(copy.startsWith(path.join(world.territory, "town", "backups")), copy);
    ok((await page.locator("main").innerText()).includes("jamais ensemble"), "what to do with them");
    equal((await axe(world, page)).join("\n"), "", "axe");
    await photograph(world, page, "admin-backup-made");
    await page.goto("/admin");
    ok((await page.locator("#health .facts").innerText()).includes("Sauvegarde"), "its age is on the health page");
    await page.context().close();
  }],

  ["the card is changed in the page and the neighbour knows it without a restart", async (world) => {
    for (const [javaScriptEnabled, phone] of [[true, "02 99 71 11 11"], [false, "02 99 71 22 22"]]) {
      const page = await open(world, { who: "alix", javaScriptEnabled });
      await page.goto("/admin/card");
      await page.fill("#phone", phone);
      await page.click("form[action='/admin/card'] button");
      await page.waitForURL(/done=card/);
      equal(await page.inputValue("#phone"), phone, "what was saved");
      for (let i = 0; ; i++) {
        if ((await ctl(world, "mulots", "--json", "peer", "show", "CCAS de Redon")).includes(phone)) break;
        ok(i < 100, "the neighbour knows the phone number");
        await page.waitForTimeout(100);
      }
      await page.context().close();
    }
  }],

  ["every setting is explained in the language of the page", async (world) => {
    const page = await open(world, { who: "alix" });
    await page.goto("/admin/config");
    ok((await page.locator("main .row").count()) > 20, "the settings");
    equal((await page.locator("main .row [lang=en]").allInnerTexts()).join(), "", "only in English");
    await page.context().close();
  }],

  ["a coordinator finds no door to the hub's own pages", async (world) => {
    const page = await open(world, { who: "lea" });
    for (const where of ["/admin", "/admin/peers", "/admin/users", "/admin/invite", "/admin/queue", "/admin/keys", "/admin/circles", "/admin/recovery", "/admin/card", "/admin/backup", "/admin/config"])
      equal((await page.goto(where)).status(), 403, where);
    equal(await page.locator("nav.menu a[href='/admin']").count(), 0, "a link");
    await page.context().close();
  }],
];
