/* A caseworker finds who can help, sends somebody on, and both sides follow it to its end. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { axe, ctl, equal, ok, open, startHub, texts, until as eventually } from "./lib.mjs";

const services = (world) => `/directory/${world.service}`;

export const pages = [
  { name: "directory", path: "/directory?words=apprendre+ordinateur", who: "marie" },
  { name: "directory-empty", path: "/directory?words=plongee+sous+marine", who: "lea" },
  { name: "directory-no-place", path: "/directory?words=ordinateur&near=Nullepart", who: "marie" },
  { name: "service", path: services, who: "marie" },
  { name: "referral-new", path: (world) => `/referrals/new?service=${encodeURIComponent(world.service)}`, who: "marie" },
  { name: "referrals", path: "/referrals", who: "marie" },
  { name: "referrals-in", path: "/referrals?box=in", who: "paul", hub: "mulots" },
  { name: "referral-sent", path: (world) => `/referrals/${world.accepted}`, who: "marie" },
  { name: "referral-received", path: (world) => `/referrals/${world.requested}`, who: "paul", hub: "mulots" },
  { name: "referral-refuse", path: (world) => `/referrals/${world.requested}/refuse`, who: "paul", hub: "mulots" },
  { name: "referral-elsewhere", path: (world) => `/referrals/${world.accepted}/elsewhere`, who: "marie" },
  { name: "referrals-find", path: "/referrals?status=requested", who: "marie" },
  { name: "referral-unknown", path: "/referrals/00000000ffff", who: "marie", status: 404 },
];

/** What waits before it is sent has an address that ends with the wait: looked at in a test. */
export const taken = ["/held/:id"];

/** From the search to what was sent; gives the id. */
async function send(page, name, feedback = "") {
  let screens = 1;
  page.on("framenavigated", () => screens++);
  await page.goto("/directory");
  screens = 1;
  await page.fill("#words", "apprendre ordinateur");
  await page.click(".search-go");
  await page.locator(".row.service .button.primary").first().click();
  const fields = await page.locator(".send .field:visible").count();
  await page.fill("#name", name);
  await page.fill("#need", "voudrait écrire à sa famille par courriel");
  equal(await page.locator(".send input[type=checkbox]:checked, .send input[type=radio]:checked").count(), 0, "nothing is agreed to beforehand");
  await page.check("input[name=share][value=name]");
  await page.check("input[name=share][value=need]");
  await page.check("input[name=consent][value=spoken]");
  equal(screens, 3, "screens until it can be sent");
  ok(fields <= 6, `${fields} fields`);
  if (feedback) {
    await page.click(".send .more-fields summary");
    await page.selectOption("#feedback", feedback);
  }
  await page.click(".send button");
  await page.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname));
  ok(await page.locator(".flash").isVisible(), "it says that it is sent");
  ok(!page.url().includes(name), "no name in the address");
  return new URL(page.url()).pathname.split("/").pop();
}

async function fillForm(world, page, name) {
  await page.goto(`/referrals/new?service=${encodeURIComponent(world.service)}`);
  await page.fill("#name", name);
  await page.fill("#need", "voudrait apprendre");
  await page.check("input[name=share][value=name]");
  await page.check("input[name=share][value=need]");
  await page.check("input[name=consent][value=spoken]");
}

/** The hubd that runs over a state directory. */
function pidOf(world, state) {
  for (const pid of fs.readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    let line = "";
    try {
      line = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8");
    } catch {
      continue; /* it has ended */
    }
    if (line.startsWith(world.hubd) && line.split("\0").includes(state)) return Number(pid);
  }
  throw new Error(`no hub over ${state}`);
}

/** How long what is sent in a hub can be taken back; run.sh has it off. */
async function undo(world, seconds, hub = "town") {
  const state = path.join(world.territory, hub);
  fs.writeFileSync(path.join(state, "conf.d", "undo.ini"), `undo-seconds = ${seconds}\n`);
  process.kill(pidOf(world, state), "SIGHUP");
  await eventually("the new setting", async () => JSON.parse(await ctl(world, hub, "--json", "config", "show"))
    .option.find(({ name }) => name === "undo-seconds").value === String(seconds));
}

/** Waits without scripts: asks again until it is there. */
async function until(page, path, text) {
  for (let i = 0; i < 60; i++) {
    await page.goto(path);
    if ((await page.locator("main").innerText()).toLowerCase().includes(text.toLowerCase())) return;
    await page.waitForTimeout(100);
  }
  throw new Error(`"${text}" does not come to ${path}: ${await page.locator("main").innerText()}`);
}

/** One verb of a referral's page, as people press it. */
async function act(page, id, action, fill = async () => {}) {
  await page.goto(`/referrals/${id}`);
  const mine = `input[name=action][value=${action}]`;
  const fold = page.locator(`details.fold:not([open]):has(${mine})`);
  if (await fold.count()) await fold.locator("summary").click();
  const form = page.locator(`form:has(${mine})`);
  await fill(form);
  await form.locator("button").click();
  await page.waitForURL((url) => url.searchParams.has("done"));
  ok(await page.locator(".flash").isVisible(), `${action}: it says that it is done`);
}

async function endToEnd(world, javaScriptEnabled) {
  const name = javaScriptEnabled ? "Nour" : "Salomé";
  const marie = await open(world, { who: "marie", javaScriptEnabled });
  const paul = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled });
  const id = await send(marie, name);
  await until(paul, "/referrals?box=in", name);
  await paul.click(`a[href="/referrals/${id}"]`);
  ok((await paul.locator("main").innerText()).includes("écrire à sa famille"), "the need is there");
  await paul.fill("#accept-contact_name", "Paul, à l’accueil");
  await paul.fill("#accept-next_step", "venir jeudi à 14 h");
  await paul.click(".first-verb button");
  await paul.locator(".flash").waitFor();
  await until(marie, `/referrals/${id}`, "venir jeudi à 14 h");
  await marie.goto(`/referrals/${id}/slip`);
  const slip = (await marie.locator(".slip").innerText()).toLowerCase();
  ok(slip.includes("quai jean bart") && slip.includes("paul, à l’accueil"), `where and whom: ${slip}`);
  ok(!/ordinateur|numérique|courriel/.test(slip), `the slip does not say why: ${slip}`);
  await paul.locator("summary", { hasText: "c’est fait" }).click();
  await paul.check("input[name=outcome][value=helped]");
  await paul.locator("details[open] button", { hasText: "Terminer" }).click();
  await paul.locator(".flash").waitFor();
  await until(marie, `/referrals/${id}`, "aboutie");
  ok((await marie.locator("#state").innerText()).includes("Aidée"), "the outcome is told");
  equal([...marie.problems, ...paul.problems].join("\n"), "", "errors in the console");
  await marie.context().close();
  await paul.context().close();
}

export const tests = [
  ["a referral from the search to its end, in 3 screens and 6 fields at most", (world) => endToEnd(world, true)],
  ["the same without scripts", (world) => endToEnd(world, false)],

  ["a repeated referral takes at most 12 key presses besides what is written", async (world) => {
    const page = await open(world, { who: "marie" });
    let presses = 0;
    const press = async (key) => {
      presses++;
      await page.keyboard.press(key);
    };
    const focus = () => page.evaluate(() => {
      const e = document.activeElement;
      return e.id || (e.type === "checkbox" || e.type === "radio" ? e.value : e.name || e.tagName.toLowerCase());
    });
    const reach = async (wanted) => {
      while ((await focus()) !== wanted) {
        ok(presses < 40, `${wanted} is reached, now at ${await focus()}`);
        await press("Tab");
      }
    };
    await page.goto(`/referrals/new?service=${encodeURIComponent(world.service)}`);
    equal(await focus(), "name", "the first field is ready");
    await page.keyboard.type("Ilyes");
    await reach("need");
    await page.keyboard.type("voudrait apprendre à imprimer");
    await reach("name");
    await press("Space");
    await reach("need");
    await press("Space");
    await reach("spoken");
    await press("Space");
    await Promise.all([page.waitForURL((url) => !url.pathname.endsWith("/new")), press("Enter")]);
    ok(await page.locator(".flash").isVisible(), "sent");
    ok(presses <= 12, `${presses} key presses`);
    await page.context().close();
  }],

  ["what the person did not agree to share is not sent, and what was typed stays", async (world) => {
    const page = await open(world, { who: "marie", bypassCSP: true });
    await page.goto(`/referrals/new?service=${encodeURIComponent(world.service)}`);
    await page.fill("#name", "Lou");
    await page.fill("#need", "voudrait un ordinateur");
    await page.check("input[value=name]");
    await page.check("input[value=spoken]");
    await page.click(".send button");
    const why = await page.locator("[role=alert]").innerText();
    ok(why.length > 20 && !why.includes("consent"), `an explanation in the words of the page: ${why}`);
    equal(await page.inputValue("#need"), "voudrait un ordinateur", "the need");
    ok(await page.isChecked("input[value=name]"), "what was ticked");
    equal((await axe(world, page)).join("\n"), "", "axe");
    await page.check("input[name=share][value=need]");
    await page.click(".send button");
    await page.waitForURL((url) => !url.pathname.endsWith("/new"));
    await page.context().close();
  }],

  ["the language that is asked for is typed and read by its name", async (world) => {
    const page = await open(world, { who: "marie" });
    await page.goto(`/referrals/new?service=${encodeURIComponent(world.service)}`);
    ok(await page.locator("#languages option[value=amharique]").count(), "names to choose from");
    await page.fill("#name", "Samira");
    await page.fill("#need", "voudrait apprendre l’ordinateur");
    await page.fill("#extra-language", "Arabe");
    for (const field of ["name", "need", "language"]) await page.check(`input[name=share][value=${field}]`);
    await page.check("input[value=spoken]");
    await page.click(".send button");
    await page.waitForURL((url) => !url.pathname.endsWith("/new"));
    const id = new URL(page.url()).pathname.split("/").pop();
    const paul = await open(world, { who: "paul", hub: "mulots" });
    await until(paul, "/referrals?box=in", "Samira");
    await until(paul, `/referrals/${id}`, "arabe");
    await until(paul, `/referrals/${id}?lang=en`, "Arabic");
    equal(page.problems.join("\n"), "", "errors in the console");
    await page.context().close();
    await paul.context().close();
  }],

  ["what a service asks for is what its people read", async (world) => {
    const told = { "birth-year": "1987", "household-size": "4", guardian: "sa tante Rose", commune: "Allaire" };
    const file = path.join(world.territory, "asking.json");
    fs.writeFileSync(file, JSON.stringify({ name: "Atelier qui demande", description: "Un coup de main",
      theme: ["numerique--acquerir-un-equipement-informatique"], reach: ["hub"], communeName: "Redon", postalCode: "35600", commune: "35236",
      asked: Object.keys(told).map((field) => ({ field, why: "pour préparer la venue" })) }));
    const service = JSON.parse(await ctl(world, "mulots", "--json", "directory", "put", file)).id;
    await eventually("the service", () => ctl(world, "town", "directory", "show", service).then(() => true, () => false));
    const page = await open(world, { who: "marie" });
    await page.goto(`/referrals/new?service=${encodeURIComponent(service)}`);
    await page.fill("#name", "Solange");
    await page.fill("#need", "voudrait apprendre l’ordinateur");
    for (const [field, value] of Object.entries(told)) await page.fill(`#extra-${field}`, value);
    for (const field of ["name", "need", ...Object.keys(told)]) await page.check(`input[name=share][value=${field}]`);
    await page.check("input[value=spoken]");
    await page.click(".send button");
    await page.waitForURL((url) => !url.pathname.endsWith("/new"));
    const id = new URL(page.url()).pathname.split("/").pop();
    const paul = await open(world, { who: "paul", hub: "mulots" });
    for (const value of Object.values(told)) await until(paul, `/referrals/${id}`, value);
    await page.context().close();
    await paul.context().close();
    await ctl(world, "mulots", "directory", "remove", service);
  }],

  ["a double press sends nothing twice", async (world) => {
    const page = await open(world, { who: "marie" });
    await page.goto(`/referrals/new?service=${encodeURIComponent(world.service)}`);
    const form = new URLSearchParams({ name: "Deux", need: "voudrait apprendre", preference: "caseworker", consent: "spoken" });
    for (const name of ["csrf", "service", "request_key"]) form.set(name, await page.inputValue(`.send input[name=${name}]`));
    form.append("share", "name");
    form.append("share", "need");
    const post = () => page.request.post("/referrals/new", { data: form.toString(), maxRedirects: 0,
      headers: { "content-type": "application/x-www-form-urlencoded" } });
    const answers = [await post(), await post()];
    equal(answers[0].status(), 303, "sent");
    equal(answers[1].headers().location, answers[0].headers().location, "the same referral");
    await page.context().close();
  }],

  ["a refusal needs a reason, and the sender reads it", async (world) => {
    const marie = await open(world, { who: "marie" });
    const id = await send(marie, "Gabin");
    const paul = await open(world, { who: "paul", hub: "mulots" });
    await until(paul, "/referrals?box=in", "Gabin");
    await paul.goto(`/referrals/${id}`);
    await paul.locator("a", { hasText: "ne pouvons pas" }).click();
    await paul.check("input[name=reason][value=no-capacity]");
    await paul.fill("#reject-text", "retour possible en janvier");
    await paul.locator("main button", { hasText: "Refuser" }).click();
    await paul.locator(".flash").waitFor();
    await until(marie, `/referrals/${id}`, "Plus de place");
    await until(marie, `/referrals/${id}`, "retour possible en janvier");
    equal(await marie.locator(".first-verb").count(), 0, "nothing is left to do but what the hub allows");
    await marie.context().close();
    await paul.context().close();
  }],

  ["the other side's answer appears by itself, and what is being typed stays", async (world) => {
    const marie = await open(world, { who: "marie" });
    const id = await send(marie, "Rose");
    const watching = marie.waitForEvent("websocket");
    await marie.goto(`/referrals/${id}`);
    await watching;
    await marie.locator("summary", { hasText: "Écrire un message" }).click();
    await marie.fill("#message-text", "un mot de plus");
    const paul = await open(world, { who: "paul", hub: "mulots" });
    await until(paul, "/referrals?box=in", "Rose");
    await ctl(world, "mulots", "--user", "paul", "referral", "seen", id);
    await marie.locator(".state-word", { hasText: /vue/i }).waitFor();
    equal(await marie.inputValue("#message-text"), "un mot de plus", "what was typed");
    await marie.context().close();
    await paul.context().close();
  }],

  ["it arrives before the receiver's eyes, without a reload", async (world) => {
    const paul = await open(world, { who: "paul", hub: "mulots" });
    const watching = paul.waitForEvent("websocket");
    await paul.goto("/referrals?box=in");
    await watching;
    const loads = await paul.evaluate(() => performance.timeOrigin);
    const marie = await open(world, { who: "marie" });
    const id = await send(marie, "Aline");
    await paul.locator(`#list a[href="/referrals/${id}"]`).waitFor({ timeout: 20000 });
    equal(await paul.evaluate(() => performance.timeOrigin), loads, "the same page");
    await marie.context().close();
    await paul.context().close();
  }],

  ["a coordinator sees no referral, and nobody's words become markup", async (world) => {
    const lea = await open(world, { who: "lea" });
    const answer = await lea.goto(`/referrals/${world.accepted}`);
    equal(answer.status(), 403, "status");
    await lea.context().close();
    const paul = await open(world, { who: "paul", hub: "mulots" });
    await paul.goto(`/referrals/${world.requested}`);
    equal(await paul.locator("main b, main script").count(), 0, "elements out of data");
    await paul.context().close();
  }],

  ["question, answer, appointment, waiting and cancelling by mutual agreement", async (world) => {
    const marie = await open(world, { who: "marie" });
    const paul = await open(world, { who: "paul", hub: "mulots" });
    const id = await send(marie, "Lina", "dates");
    await until(paul, "/referrals?box=in", "Lina");
    await act(paul, id, "ask", (form) => form.locator("textarea").fill("le matin ou le soir ?"));
    await until(marie, `/referrals/${id}`, "le matin ou le soir ?");
    await act(marie, id, "answer", (form) => form.locator("textarea").fill("plutôt le matin"));
    await until(paul, `/referrals/${id}`, "plutôt le matin");
    await act(paul, id, "accept", async (form) => {
      await form.locator("[name=contact_name]").fill("Paul");
      await form.locator("[name=next_step]").fill("on fixe un jour");
    });
    await act(paul, id, "progress", async (form) => {
      await form.locator("[value=scheduled]").check();
      await form.locator("[name=at]").fill("2030-12-03T09:30");
      await form.locator("[name=place]").fill("salle bleue");
    });
    await until(marie, `/referrals/${id}`, "rendez-vous fixé");
    await until(marie, `/referrals/${id}`, "salle bleue");
    await paul.goto(`/referrals/${world.accepted}`); /* sent without an agreement to dates */
    const form = paul.locator("form", { has: paul.locator("[value=progress]") });
    equal(await form.locator("[name=place]").count(), 0, "a place that would not be sent");
    ok((await form.first().innerText()).includes("Elle reste chez nous"), "said before a date is written");
    await act(paul, id, "hold", (form) => form.locator("[name=review]").fill("2030-12-20"));
    await until(marie, `/referrals/${id}`, "en attente");
    await act(marie, id, "message", (form) => form.locator("textarea").fill("merci pour tout"));
    await act(marie, id, "cancel", (form) => form.locator("select").selectOption("situation-solved"));
    await until(paul, `/referrals/${id}`, "annulation est demandée");
    await act(paul, id, "agree-cancel");
    await until(marie, `/referrals/${id}`, "annulée");
    await marie.context().close();
    await paul.context().close();
  }],

  ["an obstacle, what the person says, a consent withdrawn, an entry taken back", async (world) => {
    const marie = await open(world, { who: "marie" });
    const paul = await open(world, { who: "paul", hub: "mulots" });
    const accept = async (form) => {
      await form.locator("[name=contact_name]").fill("Paul");
      await form.locator("[name=next_step]").fill("venir demain");
    };
    const stopped = await send(marie, "Ali");
    await until(paul, "/referrals?box=in", "Ali");
    await act(paul, stopped, "accept", accept);
    await act(paul, stopped, "fail", (form) => form.locator("select").selectOption("barrier transport"));
    await until(marie, `/referrals/${stopped}`, "un obstacle");
    const helped = await send(marie, "Zoé");
    await until(paul, "/referrals?box=in", "Zoé");
    await act(paul, helped, "accept", accept);
    await act(paul, helped, "complete", (form) => form.locator("[value=helped]").check());
    await until(marie, `/referrals/${helped}`, "aboutie");
    equal(await marie.locator("#attach-file").count(), 0, "ways to send what would be refused");
    equal(await marie.locator("#message-text").count(), 1, "and a word of thanks may be said");
    await act(marie, helped, "person-says", (form) => form.locator("[value=yes]").check());
    const withdrawn = await send(marie, "Max");
    await act(marie, withdrawn, "withdraw-consent");
    await until(marie, `/referrals/${withdrawn}`, "retirée par la personne");
    equal(await marie.locator("#message-text, #attach-file").count(), 0, "ways to write about who withdrew");
    const mistaken = await send(marie, "Eva");
    await act(marie, mistaken, "void");
    await until(marie, `/referrals/${mistaken}`, "erreur de saisie");
    ok(!(await marie.locator("main").innerText()).includes("Eva"), "its content is hidden");
    await marie.context().close();
    await paul.context().close();
  }],

  ["an answer is one tap and one confirmation, and who opens it has seen it", async (world) => {
    const marie = await open(world, { who: "marie" });
    const paul = await open(world, { who: "paul", hub: "mulots" });
    const first = await send(marie, "Ines");
    await until(paul, "/referrals?box=in", "Ines");
    await act(paul, first, "accept", async (form) => {
      await form.locator("[name=contact_name]").fill("Paul, à l’accueil");
      await form.locator("[name=next_step]").fill("nous appelons sous deux jours");
    });
    const id = await send(marie, "Elio");
    await until(paul, "/referrals?box=in", "Elio");
    let presses = 0;
    const press = (locator) => (presses++, locator.click());
    await press(paul.locator(`a[href="/referrals/${id}"]`));
    await until(marie, `/referrals/${id}`, "vue");
    equal(await paul.inputValue("#accept-contact_name"), "Paul, à l’accueil", "whom to ask for, as last time");
    equal(await paul.inputValue("#accept-next_step"), "nous appelons sous deux jours", "the next step, as last time");
    await press(paul.locator(".first-verb button"));
    await paul.locator(".flash").waitFor();
    equal(presses, 2, "presses");
    await until(marie, `/referrals/${id}`, "acceptée");
    await marie.context().close();
    await paul.context().close();
  }],

  ["a refusal proposes where else, and the sender goes on there with all filled in", async (world) => {
    for (const javaScriptEnabled of [true, false]) {
      const name = javaScriptEnabled ? "Yanis" : "Mina";
      const file = path.join(world.territory, "other.json");
      fs.writeFileSync(file, JSON.stringify({ name: "Point numérique du port", description: "Un coup de main",
        theme: ["numerique--acquerir-un-equipement-informatique"], reach: ["hub"], communeName: "Redon", postalCode: "35600", commune: "35236" }));
      const other = JSON.parse(await ctl(world, "mulots", "--json", "directory", "put", file)).id;
      await eventually("the other service", () => ctl(world, "town", "directory", "show", other).then(() => true, () => false));
      const marie = await open(world, { who: "marie", javaScriptEnabled });
      const paul = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled });
      const id = await send(marie, name);
      await until(paul, "/referrals?box=in", name);
      await paul.goto(`/referrals/${id}/refuse`);
      equal(await paul.locator("input[name=reason]").count(), 10, "reasons");
      ok(await paul.locator("input[name=suggested]").count() <= 3, "three at most are suggested");
      await paul.check("input[name=reason][value=no-capacity]");
      if (javaScriptEnabled) ok((await paul.inputValue("#reject-text")).includes("plus de place"), "the sentence is there to be changed");
      await paul.check(`input[name=suggested][value="${other}"]`);
      await paul.screenshot({ path: path.join(world.screens, "referral-refuse-suggests.png"), fullPage: true });
      await paul.locator("main button", { hasText: "Refuser" }).click();
      await paul.locator(".flash").waitFor();
      await until(marie, `/referrals/${id}`, "Nous n’avons plus de place en ce moment");
      await marie.locator("a", { hasText: "Essayer un autre service" }).click();
      for (const width of [320, 1280]) {
        await marie.setViewportSize({ width, height: 800 });
        await marie.screenshot({ path: path.join(world.screens, `referral-elsewhere-found-${width}.png`), fullPage: true });
      }
      const best = marie.locator(".row").first();
      ok((await best.innerText()).includes("Point numérique du port"), "what was suggested comes first");
      await best.locator("a.button").click();
      equal(await marie.inputValue("#name"), name, "the name");
      ok((await marie.inputValue("#need")).includes("écrire à sa famille"), "the need");
      equal(await marie.locator(".send input[type=checkbox]:checked, .send input[type=radio]:checked").count(), 0, "the agreement is asked for anew");
      await marie.check("input[name=share][value=name]");
      await marie.check("input[name=share][value=need]");
      await marie.check("input[name=consent][value=spoken]");
      await marie.click(".send button");
      await marie.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname));
      ok((await marie.locator("main").innerText()).includes("Point numérique du port"), "it is on its way there");
      const tries = marie.locator("section", { has: marie.locator("#attempts-title") }).locator("li");
      equal(await tries.count(), 2, "the attempts for this request");
      ok((await tries.first().innerText()).includes("Plus de place"), "why the first one ended");
      ok((await tries.last().getAttribute("aria-current")) === "true", "which of them this is");
      for (const width of [320, 1280]) {
        await marie.setViewportSize({ width, height: 800 });
        await marie.screenshot({ path: path.join(world.screens, `referral-attempts-${width}.png`), fullPage: true });
      }
      await tries.first().locator("a").click();
      await marie.waitForURL((url) => url.pathname.endsWith(id));
      equal(await marie.locator("a", { hasText: "Essayer un autre service" }).count(), 0, "one goes on from the last attempt");
      await marie.locator("a", { hasText: "Voir l’essai suivant" }).click();
      await marie.locator("#attempts-title").waitFor();
      ok((await marie.locator("main").innerText()).includes("Point numérique du port"), "and it is one press away");
      equal([...marie.problems, ...paul.problems].join("\n"), "", "errors in the console");
      await marie.context().close();
      await paul.context().close();
      await ctl(world, "mulots", "directory", "remove", other);
    }
  }],

  ["what is sent can be taken back for 10 s, and comes back as it was typed", async (world) => {
    await undo(world, 10);
    for (const javaScriptEnabled of [true, false]) {
      const page = await open(world, { who: "marie", javaScriptEnabled, bypassCSP: javaScriptEnabled });
      const name = javaScriptEnabled ? "Basile" : "Clovis";
      await fillForm(world, page, name);
      await page.click(".send button");
      await page.waitForURL((url) => url.pathname.startsWith("/held/"));
      const left = Number(await page.locator("[data-countdown]").innerText());
      ok(left > 0 && left <= 10, `${left} seconds`);
      if (javaScriptEnabled) {
        equal((await axe(world, page)).join("\n"), "", "axe");
        for (const width of [320, 1280]) {
          await page.setViewportSize({ width, height: 800 });
          await page.screenshot({ path: path.join(world.screens, `held-${width}.png`), fullPage: true });
        }
      }
      await page.locator("button", { hasText: "Annuler l’envoi" }).click();
      await page.locator(".flash").waitFor();
      equal(await page.inputValue("#name"), name, "the name");
      equal(await page.inputValue("#need"), "voudrait apprendre", "the need");
      ok(await page.isChecked("input[name=share][value=need]"), "what was agreed to");
      ok(await page.isChecked("input[name=consent][value=spoken]"), "how it was said");
      ok(!(await ctl(world, "town", "--user", "marie", "--json", "referral", "list")).includes(name), "nothing was sent");
      await page.click(".send button");
      await page.waitForURL((url) => url.pathname.startsWith("/held/"));
      await page.locator("button", { hasText: "Envoyer tout de suite" }).click();
      await page.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname));
      ok((await page.locator(".flash").innerText()).includes("envoyé"), "it says that it is sent");
      equal([...page.problems].join("\n"), "", "errors in the console");
      await page.context().close();
    }
  }],

  ["an answer that is taken back comes back as it was filled in", async (world) => {
    const marie = await open(world, { who: "marie" });
    const paul = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled: false });
    const id = await send(marie, "Oscar");
    await until(paul, "/referrals?box=in", "Oscar");
    await undo(world, 10, "mulots");
    await paul.goto(`/referrals/${id}/refuse`);
    await paul.check("input[name=reason][value=outside-area]");
    await paul.fill("#reject-text", "plutôt à Rennes");
    await paul.locator("main button", { hasText: "Refuser" }).click();
    await paul.locator("button", { hasText: "Annuler l’envoi" }).click();
    ok(await paul.isChecked("input[name=reason][value=outside-area]"), "the reason");
    equal(await paul.inputValue("#reject-text"), "plutôt à Rennes", "the sentence");
    await paul.goto(`/referrals/${id}`);
    await paul.locator("summary", { hasText: "Écrire un message" }).click();
    await paul.fill("#message-text", "un instant");
    await paul.locator("details[open] button", { hasText: "Envoyer" }).click();
    await paul.locator("button", { hasText: "Annuler l’envoi" }).click();
    equal(await paul.inputValue("#message-text"), "un instant", "the message, its form open");
    ok(await paul.locator("#message-text").isVisible(), "to be seen");
    await undo(world, 0, "mulots");
    await marie.context().close();
    await paul.context().close();
  }],

  ["two colleagues do not answer the same person with a yes and a no", async (world) => {
    const said = (await texts("fr"))("say.referral_moved");
    const marie = await open(world, { who: "marie" });
    const yes = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled: false });
    const no = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled: false });
    const refuse = async () => {
      await no.check("input[name=reason][value=no-capacity]");
      await no.locator("main button", { hasText: "Refuser" }).click();
    };
    const id = await send(marie, "Perrine");
    await until(yes, "/referrals?box=in", "Perrine");
    await undo(world, 10, "mulots");
    await no.goto(`/referrals/${id}/refuse`);
    await yes.goto(`/referrals/${id}`);
    await yes.fill("#accept-contact_name", "Paul");
    await yes.fill("#accept-next_step", "venir");
    await yes.locator("button", { hasText: "Accepter" }).click();
    await refuse(); /* both wait now */
    await yes.locator("button", { hasText: "Envoyer tout de suite" }).click();
    await yes.locator(".flash").waitFor();
    await no.locator("button", { hasText: "Envoyer tout de suite" }).click();
    equal(await no.locator("#failure").innerText(), said, "it says why");
    equal(await no.locator("[data-countdown]").count(), 0, "and not that it leaves by itself");
    await no.locator("button", { hasText: "Jeter" }).click();
    await no.goto(`/referrals/${id}`);
    ok((await no.locator(".state-word").innerText()).includes("Acceptée"), "the yes stands");
    await undo(world, 0, "mulots");
    for (const page of [marie, yes, no]) await page.context().close();
  }],

  ["who leaves or waits without scripts finds it sent", async (world) => {
    await undo(world, 3);
    const page = await open(world, { who: "marie", javaScriptEnabled: false });
    await fillForm(world, page, "Colas");
    await page.click(".send button");
    await page.waitForURL((url) => url.pathname.startsWith("/held/"));
    await page.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname), { timeout: 30000 });
    ok((await page.locator("main").innerText()).includes("Colas"), "the referral");
    await fillForm(world, page, "Denise");
    await page.click(".send button");
    await page.waitForURL((url) => url.pathname.startsWith("/held/"));
    await page.context().close();
    await eventually("the one that nobody waited for", async () =>
      (await ctl(world, "town", "--user", "marie", "--json", "referral", "list")).includes("Denise"));
    await undo(world, 0);
  }],

  ["what was typed is there again after a reload and after signing in anew", async (world) => {
    const page = await open(world, { who: "marie" });
    await fillForm(world, page, "Fanny");
    await page.waitForTimeout(600);
    await page.reload();
    equal(await page.inputValue("#name"), "Fanny", "after a reload");
    await page.waitForTimeout(600);
    await page.context().clearCookies();
    await page.click(".send button");
    await page.locator("#passphrase").waitFor();
    await page.fill("#name", "marie");
    await page.fill("#passphrase", world.passphrase);
    await page.click("main button");
    await page.locator("#need").waitFor();
    equal(await page.inputValue("#name"), "Fanny", "the name");
    equal(await page.inputValue("#need"), "voudrait apprendre", "the need");
    ok(await page.isChecked("input[name=share][value=need]"), "what was agreed to");
    await page.click(".send button");
    await page.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname));
    await page.context().close();
  }],

  ["what one person agreed to is never ticked for the next", async (world) => {
    const page = await open(world, { who: "marie", bypassCSP: true });
    const ticked = () => page.locator(".consent input:checked").count();
    await fillForm(world, page, "Gaston");
    await page.waitForTimeout(600);
    await page.reload();
    await page.locator(".consent input:checked").first().waitFor();
    equal(await ticked(), 3, "ticked after a reload");
    await page.goto("/");
    await page.goto(`/referrals/new?service=${encodeURIComponent(world.service)}`);
    await page.locator("[data-recalled]").waitFor();
    equal(await page.inputValue("#name"), "Gaston", "the draft");
    equal(await ticked(), 0, "ticked on another visit");
    equal((await axe(world, page)).join("\n"), "", "axe");
    await page.locator("[data-recalled] button").click();
    equal(await page.inputValue("#name"), "", "after clearing");
    equal(await page.inputValue("#need"), "", "the need after clearing");
    await page.reload();
    await page.waitForTimeout(300);
    equal(await page.inputValue("#name"), "", "and it stays so");
    await fillForm(world, page, "Hilaire");
    await page.click(".send button.primary");
    await page.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname));
    await page.goBack();
    await page.waitForTimeout(300);
    equal(await page.inputValue("#need"), "", "what was sent, after going back");
    equal(await ticked(), 0, "ticked after going back");
    await page.context().close();
    const plain = await open(world, { who: "marie", javaScriptEnabled: false });
    await fillForm(world, plain, "Ismaël");
    await plain.click(".send button");
    await plain.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname));
    await plain.goBack();
    equal(await plain.locator(".consent input:checked").count(), 0, "ticked without scripts");
    await plain.context().close();
  }],

  ["a power cut between typing and sending loses nothing", async (world) => {
    await startHub(world, { hub: "alone", name: "Seul", user: "nina", role: "coordinator" });
    const state = path.join(world.territory, "alone");
    const page = await open(world, { who: "nina", hub: "alone" });
    await page.goto("/notices/new");
    await page.fill("#what", "douze couvertures pour ce soir");
    await page.waitForTimeout(600);
    process.kill(pidOf(world, state), "SIGKILL");
    await page.click("form[data-draft] button").catch(() => {});
    const again = spawn(world.hubd, ["--state", state], { stdio: "ignore" });
    await eventually("the hub is back", () => ctl(world, "alone", "--json", "status").then(() => true, () => false));
    await page.goto("/notices/new");
    equal(await page.inputValue("#what"), "douze couvertures pour ce soir", "what was typed");
    await page.context().close();
    world.states.delete("alone nina");
    await new Promise((resolve) => again.on("close", resolve) && again.kill());
  }],

  ["somebody is found by their first name or by the number on the paper", async (world) => {
    const page = await open(world, { who: "marie", javaScriptEnabled: false });
    await page.goto("/referrals");
    await page.fill("#words", "awa");
    await page.locator(".seek button").click();
    ok((await page.locator("#list").innerText()).includes("Awa"), "by name");
    ok(!page.url().includes("awa"), "whose name is in no address");
    ok(!(await page.locator("#list").innerText()).includes("Villemarqué"), "and nobody else");
    await page.fill("#words", `${world.accepted.slice(0, 4)} ${world.accepted.slice(4, 8)}`);
    await page.locator(".seek button").click();
    ok((await page.locator("#list").innerText()).includes("Awa"), "by number");
    await page.fill("#words", "zzzz");
    await page.locator(".seek button").click();
    ok((await page.locator("#list").innerText()).includes("Rien d’ouvert qui corresponde"), "nobody");
    await page.context().close();
  }],

  ["whoever cannot help hands on, with the person's new agreement", async (world) => {
    const paul = await open(world, { who: "paul", hub: "mulots" });
    await paul.goto(`/referrals/${world.accepted}`);
    await paul.locator("a", { hasText: "Transmettre à un autre service" }).click();
    ok((await paul.locator("h1").innerText()).includes("Transmettre"), "where to hand on to");
    await paul.context().close();
  }],

  ["who handed on sees both steps, and may hand on once more", async (world) => {
    const file = path.join(world.territory, "onward.json");
    fs.writeFileSync(file, JSON.stringify({ name: "Permanence du bourg", description: "Un coup de main",
      theme: ["numerique--acquerir-un-equipement-informatique"], reach: ["hub"], communeName: "Redon", postalCode: "35600", commune: "35236" }));
    const onward = JSON.parse(await ctl(world, "town", "--json", "directory", "put", file)).id;
    await eventually("the service", () => ctl(world, "mulots", "directory", "show", onward).then(() => true, () => false));
    const marie = await open(world, { who: "marie" });
    const paul = await open(world, { who: "paul", hub: "mulots" });
    const id = await send(marie, "Eulalie");
    await until(paul, "/referrals?box=in", "Eulalie");
    await ctl(world, "mulots", "--user", "paul", "referral", "accept", id, "--contact", "Paul", "--next-step", "venir");
    await paul.goto(`/referrals/new?service=${encodeURIComponent(onward)}&earlier=${id}&part_of=${id}`);
    await paul.check("input[name=share][value=name]");
    await paul.check("input[name=share][value=need]");
    await paul.check("input[name=consent][value=spoken]");
    await paul.click(".send button");
    await paul.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname));
    await paul.goto(`/referrals/${id}`);
    const steps = paul.locator("section", { has: paul.locator("#attempts-title") }).locator("li");
    ok(/de CCAS de Redon · Apprendre l'ordinateur/.test(await steps.first().innerText()), `what came in: ${await steps.first().innerText()}`);
    ok(/vers CCAS de Redon · Permanence du bourg/.test(await steps.last().innerText()), `what went on: ${await steps.last().innerText()}`);
    equal(await paul.locator("a", { hasText: "Voir l’essai suivant" }).count(), 0, "their own part goes on here");
    equal(await paul.locator("a", { hasText: "Transmettre à un autre service" }).count(), 1, "one need may want two");
    await marie.context().close();
    await paul.context().close();
    await ctl(world, "town", "directory", "remove", onward);
  }],
];
