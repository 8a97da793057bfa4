/* A caseworker finds who can help, sends somebody on, and both sides follow it to its end. */
import path from "node:path";
import { axe, ctl, equal, ok, open } from "./lib.mjs";

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
  { name: "referral-slip", path: (world) => `/referrals/${world.accepted}/slip`, who: "marie" },
  { name: "referral-slip-large", path: (world) => `/referrals/${world.accepted}/slip?size=large`, who: "marie" },
  { name: "referral-unknown", path: "/referrals/00000000ffff", who: "marie", status: 404 },
];

/** From the search to what was sent; gives the id. */
async function send(page, name) {
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
  await page.click(".send button");
  await page.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname));
  ok(await page.locator("[role=status]").isVisible(), "it says that it is sent");
  ok(!page.url().includes(name), "no name in the address");
  return new URL(page.url()).pathname.split("/").pop();
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
  ok(await page.locator("[role=status]").isVisible(), `${action}: it says that it is done`);
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
  await paul.locator("[role=status]").waitFor();
  await until(marie, `/referrals/${id}`, "venir jeudi à 14 h");
  await marie.goto(`/referrals/${id}/slip`);
  const slip = (await marie.locator(".slip").innerText()).toLowerCase();
  ok(slip.includes("quai jean bart") && slip.includes("paul, à l’accueil"), `where and whom: ${slip}`);
  ok(!/ordinateur|numérique|courriel/.test(slip), `the slip does not say why: ${slip}`);
  await paul.locator("summary", { hasText: "c’est fait" }).click();
  await paul.check("input[name=outcome][value=helped]");
  await paul.locator("details[open] button", { hasText: "Terminer" }).click();
  await paul.locator("[role=status]").waitFor();
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
    ok(await page.locator("[role=status]").isVisible(), "sent");
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
    ok((await page.locator("[role=alert]").innerText()).length > 20, "an explanation");
    equal(await page.inputValue("#need"), "voudrait un ordinateur", "the need");
    ok(await page.isChecked("input[value=name]"), "what was ticked");
    equal((await axe(world, page)).join("\n"), "", "axe");
    await page.check("input[name=share][value=need]");
    await page.click(".send button");
    await page.waitForURL((url) => !url.pathname.endsWith("/new"));
    await page.context().close();
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
    await paul.locator("summary", { hasText: "ne pouvons pas" }).click();
    await paul.selectOption("#reject-reason", "no-capacity");
    await paul.fill("#reject-text", "retour possible en janvier");
    await paul.locator("details[open] button", { hasText: "Refuser" }).click();
    await paul.locator("[role=status]").waitFor();
    await until(marie, `/referrals/${id}`, "Plus de place");
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

  ["the slip is one sheet of paper, in both sizes", async (world) => {
    const page = await open(world, { who: "marie" });
    for (const size of ["", "?size=large"]) {
      await page.goto(`/referrals/${world.accepted}/slip${size}`);
      const pdf = await page.pdf({ preferCSSPageSize: true, path: path.join(world.screens, `referral-slip${size && "-large"}.pdf`) });
      const [, width, height] = pdf.toString("latin1").match(/\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/).map(Number);
      equal(pdf.toString("latin1").match(/\/Type \/Page\b/g).length, 1, `sheets, of ${width} by ${height} points`);
      ok(Math.round(width) <= 421, `${width} points wide: A5`);
    }
    await page.context().close();
  }],

  ["question, answer, appointment, waiting and cancelling by mutual agreement", async (world) => {
    const marie = await open(world, { who: "marie" });
    const paul = await open(world, { who: "paul", hub: "mulots" });
    const id = await send(marie, "Lina");
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
    await act(marie, helped, "person-says", (form) => form.locator("[value=yes]").check());
    const withdrawn = await send(marie, "Max");
    await act(marie, withdrawn, "withdraw-consent");
    await until(marie, `/referrals/${withdrawn}`, "retirée par la personne");
    const mistaken = await send(marie, "Eva");
    await act(marie, mistaken, "void");
    await until(marie, `/referrals/${mistaken}`, "erreur de saisie");
    ok(!(await marie.locator("main").innerText()).includes("Eva"), "its content is hidden");
    await marie.context().close();
    await paul.context().close();
  }],
];
