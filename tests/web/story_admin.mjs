/* Who runs the hub: its health, a new neighbour by invitation and words, switches, people. */
import net from "node:net";
import path from "node:path";
import { spawn } from "node:child_process";
import { axe, ctl, equal, ok, open, overflow, signIn } from "./lib.mjs";

export const pages = [
  { name: "admin", path: "/admin", who: "alix" },
  { name: "admin-peers", path: "/admin/peers", who: "alix" },
  { name: "admin-peer", path: "/admin/peers/Les%20Mulots", who: "alix" },
  { name: "admin-peer-leave", path: "/admin/peers/Les%20Mulots/leave", who: "alix" },
  { name: "admin-link", path: "/admin/invite", who: "alix" },
  { name: "admin-users", path: "/admin/users", who: "alix" },
  { name: "admin-queue", path: "/admin/queue", who: "alix" },
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
  ok(/orientation/.test(await page.locator("main form").innerText()), `${verb}: open referrals are said first`);
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
  for (const verb of ["pause", "accept", "block", "unblock", "leave"]) await decide(calm, verb);
  await calm.context().close();
  await zoe.context().close();
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

  ["a coordinator finds no door to the hub's own pages", async (world) => {
    const page = await open(world, { who: "lea" });
    for (const where of ["/admin", "/admin/peers", "/admin/users", "/admin/invite", "/admin/queue"])
      equal((await page.goto(where)).status(), 403, where);
    equal(await page.locator("nav.menu a[href='/admin']").count(), 0, "a link");
    await page.context().close();
  }],
];
