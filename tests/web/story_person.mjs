/* The person who is referred: from the paper slip to where they are expected, to changing their mind,
 * and to saying whether it helped. On any phone, with scripts on and off, in both languages.
 * Codes that open nothing are tried at the other hub only: who guesses is slowed down, and all of
 * this comes from one address. */
import fs from "node:fs";
import path from "node:path";
import { ctl, equal, ok, open, until } from "./lib.mjs";

const call = async (world, hub, method, request) => JSON.parse(await ctl(world, hub, "--json", "call", method, JSON.stringify(request)));
const print = (world, id) => call(world, "town", "Slips/Code", { id });
const NEED = "voudrait écrire à sa sœur sur un écran";
/* What a stranger who finds the paper must not learn: the need, the theme, the service, the name. */
const WHY = /écran|sœur|ordinateur|computer|num[ée]rique|informatique|[ée]quipement|pas à pas|atelier|apprendre|Odette/i;

const show = async (world, hub, user, id) => JSON.parse(await ctl(world, hub, "--user", user, "--json", "referral", "show", id));
const reaches = (world, hub, user, id, status) =>
  until(`${hub}: ${status}`, async () => (await show(world, hub, user, id).catch(() => ({}))).status === status);

/** Sent by marie, taken by paul. */
async function send(world, { contact = "Paul, à l’accueil", step = "venir mardi à 10 h", language = "fr" } = {}) {
  const sent = await call(world, "town", "Referrals/Send", {
    service: world.service, theme: "numerique", need: NEED, urgency: "normal",
    person: { name: "Odette", contactPreference: "caseworker", language },
    consent: { form: "spoken", field: ["name", "contact", "need", "language"] } });
  await reaches(world, "mulots", "paul", sent.id, "requested");
  await ctl(world, "mulots", "--user", "paul", "referral", "accept", sent.id, "--contact", contact, "--phone", "02 99 72 00 00", "--next-step", step);
  await reaches(world, "town", "marie", sent.id, "accepted");
  return sent.id;
}

const world = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const codes = {};
for (const name of ["expected", "over", "withdrawn"]) {
  const id = await send(world);
  codes[name] = (await print(world, id)).slip.code;
  if (name === "over") {
    await ctl(world, "mulots", "--user", "paul", "referral", "complete", id, "--outcome", "helped");
    await reaches(world, "town", "marie", id, "completed");
  }
}
await call(world, "town", "Slips/Withdraw", { code: codes.withdrawn });

export const pages = [
  { name: "person-code", path: "/s", who: "" },
  { name: "person-code-desk", path: "/s", who: "paul", hub: "mulots" },
  { name: "person-code-wrong", path: "/s/00000-00000", who: "", hub: "mulots", status: 404 },
  { name: "person", path: `/s/${codes.expected}`, who: "" },
  { name: "person-withdraw", path: `/s/${codes.expected}/withdraw`, who: "" },
  { name: "person-over", path: `/s/${codes.over}`, who: "" },
  { name: "person-withdrawn", path: `/s/${codes.withdrawn}`, who: "" },
  { name: "referral-slip", path: (world) => `/referrals/${world.accepted}/slip`, who: "marie" },
  { name: "referral-slip-large", path: (world) => `/referrals/${world.accepted}/slip?size=large`, who: "marie" },
  { name: "referral-slip-received", path: (world) => `/referrals/${world.accepted}/slip`, who: "paul", hub: "mulots" },
];

/** Nothing on the page says why, not even where nobody looks. */
async function quiet(page, what) {
  const html = await page.content();
  const found = html.match(WHY);
  ok(!found, `${what} says "${found?.[0]}"`);
  equal(page.problems.join("\n"), "", "errors in the console");
}

async function fromSlipToTheEnd(world, javaScriptEnabled, lang) {
  const french = lang === "fr";
  const id = await send(world, { language: lang });
  const marie = await open(world, { who: "marie", javaScriptEnabled, lang });
  await marie.goto(`/referrals/${id}/slip?lang=${lang}`);
  const slip = await marie.locator(".slip").innerText();
  ok(slip.includes("quai Jean Bart") && slip.includes("Paul, à l’accueil") && slip.includes("venir mardi à 10 h"), `where, whom, when: ${slip}`);
  ok(!WHY.test(slip), `the paper does not say why: ${slip}`);
  equal(await marie.locator(".slip svg.qr").count(), 1, "a picture for the camera");
  const code = await marie.locator(".slip strong.code").innerText();
  ok(/^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/.test(code), code);

  const person = await open(world, { javaScriptEnabled, lang, viewport: { width: 320, height: 560 } });
  await person.goto("/s");
  await person.fill("#code", ` ${code.toLowerCase().replace("-", " ").replaceAll("0", "o").replaceAll("1", "l")}`);
  await person.click("main button");
  await person.waitForURL((url) => url.pathname === `/s/${code}`);
  const words = await person.locator("main").innerText();
  for (const part of [french ? "On vous attend" : "You are expected", "8 quai Jean Bart", "35600 Redon", "venir mardi à 10 h", "Paul, à l’accueil", "02 99 72 00 00"])
    ok(words.includes(part), `${part}: ${words}`);
  equal(await person.locator("a[href='tel:0299720000']").count(), 1, "a number that a phone calls");
  equal(await person.locator("html").getAttribute("lang"), lang, "language");
  await quiet(person, "the page");
  ok(!words.includes(french ? "aidé" : "help you"), "nothing is asked before the end");

  await ctl(world, "mulots", "--user", "paul", "referral", "complete", id, "--outcome", "helped");
  await reaches(world, "town", "marie", id, "completed");
  await person.goto(`/s/${code}`);
  await quiet(person, "the page at the end");
  ok(!(await person.locator("main").innerText()).includes("quai Jean Bart"), "at the end the paper leads nowhere");
  equal(await person.locator("main form button").count(), 2, "one question, two answers");
  await person.click("button[value=no]");
  await person.locator(".flash").waitFor();
  await person.click("button[value=yes]"); /* on second thoughts */
  await person.getByText(french ? "Vous avez répondu oui" : "You answered yes").waitFor();
  await quiet(person, "the page after the answer");
  await until("what the person says is at both hubs", async () =>
    (await show(world, "town", "marie", id)).businessStatus === "person-confirmed" &&
    (await show(world, "mulots", "paul", id)).businessStatus === "person-confirmed");
  await marie.context().close();
  await person.context().close();
}

async function withdrawal(world, javaScriptEnabled, lang) {
  const french = lang === "fr";
  const id = await send(world);
  const { slip } = await print(world, id);
  const person = await open(world, { javaScriptEnabled, lang });
  let actions = 0;
  const press = async (where) => {
    actions++;
    await person.click(where);
  };
  await person.goto(`/s/${slip.code}`);
  equal(await person.locator("main input:checked").count(), 0, "nothing is chosen beforehand");
  await press("a.danger");
  await person.waitForURL((url) => url.pathname.endsWith("/withdraw"));
  ok((await person.locator("main").innerText()).includes(french ? "sous 72 heures" : "within 72 hours"), "what will happen");
  await quiet(person, "the page that asks");
  await press("button.danger");
  await person.waitForURL((url) => url.pathname === `/s/${slip.code}`);
  equal(actions, 2, "actions to withdraw");
  const words = await person.locator("main").innerText();
  ok(words.includes(french ? "Votre accord est retiré" : "Your consent is withdrawn"), words);
  ok(words.includes(french ? "Nous effaçons vos informations" : "We erase your information"), words);
  ok(!/quai|Paul|02 99/.test(words), `nothing else is left on it: ${words}`);
  await quiet(person, "the page after it");
  /* The other hub erases at once, and its signed proof comes back. */
  await until("the other hub has erased it", async () => (await show(world, "mulots", "paul", id)).purged);
  await until("the proof is here", async () => (await show(world, "town", "marie", id)).event.some((e) => e.action === "purged" && e.by === "them"));
  equal((await show(world, "mulots", "paul", id)).status, "cancelled", "there");
  equal((await show(world, "mulots", "paul", id)).person, undefined, "the person, there");
  const marie = await open(world, { who: "marie", javaScriptEnabled, lang });
  await marie.goto(`/referrals/${id}/slip`);
  equal(await marie.locator(".slip .code, .slip .slip-facts, #sms").count(), 0, "nothing is left to print");
  await marie.context().close();
  await person.reload();
  ok((await person.locator("main").innerText()).includes(french ? "L’autre structure a effacé vos informations" : "The other organisation erased your information"), "it says so");
  equal(await person.locator("main form").count(), 0, "nothing is left to press");
  await person.context().close();
}

export const tests = [
  ["one press prints the slip where scripts run, and nothing is offered where they do not", async (world) => {
    const page = await open(world, { who: "marie" });
    await page.addInitScript(() => (window.print = () => (document.body.dataset.printed = "yes")));
    await page.goto(`/referrals/${world.accepted}/slip`);
    await page.click("[data-print]");
    equal(await page.getAttribute("body", "data-printed"), "yes", "printed");
    const plain = await open(world, { who: "marie", javaScriptEnabled: false });
    await plain.goto(`/referrals/${world.accepted}/slip`);
    ok(!(await plain.isVisible("[data-print]")), "no button that does nothing");
    const admin = await open(world, { who: "alix", javaScriptEnabled: false });
    await admin.goto("/admin/invite");
    await admin.locator("main form button").first().click();
    equal(await admin.locator("[data-copy]").count(), 1, "a button to copy");
    ok(!(await admin.isVisible("[data-copy]")), "which shows where scripts run");
  }],

  ["from the slip to the end and to the person's word, in French", (world) => fromSlipToTheEnd(world, true, "fr")],
  ["the same in English, without scripts", (world) => fromSlipToTheEnd(world, false, "en")],
  ["two presses take consent back: both hubs erase, and the page says when", (world) => withdrawal(world, true, "en")],
  ["the same in French, without scripts", (world) => withdrawal(world, false, "fr")],

  ["a withdrawal that is pressed twice, and one whose page is stale, lose nothing", async (world) => {
    const id = await send(world);
    const { slip } = await print(world, id);
    const page = await open(world, {});
    await page.goto(`/s/${slip.code}/withdraw`);
    const csrf = await page.inputValue("input[name=csrf]");
    const post = (token) => page.request.post(`/s/${slip.code}/withdraw`, { data: `csrf=${token}`, maxRedirects: 0,
      headers: { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin" } });
    equal((await post("0".repeat(64))).status(), 403, "a forged one");
    equal((await show(world, "town", "marie", id)).status, "accepted", "nothing was changed by it");
    equal((await post(csrf)).status(), 303, "once");
    equal((await post(csrf)).status(), 303, "twice");
    await page.context().close();
  }],

  ["a text of the other hub that tells why is not printed, and the caseworker is told", async (world) => {
    const id = await send(world, { contact: "Paul, atelier informatique", step: "venir pour l’ordinateur" });
    const marie = await open(world, { who: "marie" });
    await marie.goto(`/referrals/${id}/slip`);
    const slip = await marie.locator(".slip").innerText();
    ok(!WHY.test(slip), `the paper: ${slip}`);
    ok(slip.includes("L’accueil"), "whom to ask for instead");
    ok((await marie.locator(".to-whom").innerText()).includes("pas imprimé"), "the caseworker knows");
    const { slip: { code } } = await print(world, id);
    const person = await open(world, {});
    await person.goto(`/s/${code}`);
    await quiet(person, "the page");
    await marie.context().close();
    await person.context().close();
  }],

  ["the slip is one sheet of A5, or of A6 in large print, however long the texts are", async (world) => {
    const page = await open(world, { who: "marie" });
    const long = await send(world, { contact: "Marie-Françoise de la Villemarqué-Kerguélen, au premier étage, porte bleue",
      step: "Sonner deux fois à la petite porte du fond, puis attendre dans la cour. Venir plutôt le mardi ou le jeudi matin entre 9 h et 11 h 30, avec une pièce d’identité si vous en avez une. En cas de retard, téléphoner. Le bus 3 s’arrête devant, arrêt Quai Surcouf." });
    const most = await send(world, { contact: "Marie ".repeat(26).trim(), step: "sonner deux fois ".repeat(58).trim() });
    for (const [name, id] of [["", world.accepted], ["-long", long], ["-most", most]]) {
      for (const [size, width, height] of [["", 148, 210], ["?size=large", 105, 148]]) {
        await page.goto(`/referrals/${id}/slip${size}`);
        const pdf = (await page.pdf({ preferCSSPageSize: true, path: path.join(world.screens, `referral-slip${name}${size && "-large"}.pdf`) })).toString("latin1");
        const box = pdf.match(/\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/).slice(1).map((points) => Math.round((points / 72) * 25.4));
        equal(box.join(" by "), `${width} by ${height}`, `millimetres of ${name || "the usual one"}${size}`);
        equal(pdf.match(/\/Type \/Page\b/g).length, 1, `sheets of ${name || "the usual one"}${size}`);
      }
    }
    await page.context().close();
  }],

  ["the text for SMS fits one message and says nothing", async (world) => {
    const marie = await open(world, { who: "marie" });
    for (const [language, words] of [["fr", "on vous attend"], ["en", "you are expected"]]) {
      const id = await send(world, { language });
      const { slip } = await print(world, id);
      await marie.goto(`/referrals/${id}/slip`);
      const sms = await marie.inputValue("#sms");
      ok(sms.length <= 160, `${sms.length} characters`);
      ok(sms.includes(words) && sms.includes(`/s/${slip.code}`), `in the person's language: ${sms}`);
      ok(/^[\x20-\x7eàèéìòùäöüñÄÖÜÉÇ]*$/.test(sms), `letters that every phone has: ${sms}`);
      ok(!WHY.test(sms), sms);
    }
    await marie.context().close();
  }],

  ["who works at the other end finds the referral by the reference on the paper", async (world) => {
    const { reference } = await print(world, world.accepted);
    const paul = await open(world, { who: "paul", hub: "mulots" });
    await paul.goto("/s");
    await paul.fill("#reference", `${reference.slice(0, 4)} ${reference.slice(4)}`);
    await paul.click("form[action='/s/reference'] button");
    await paul.waitForURL((url) => url.pathname === `/referrals/${world.accepted}`);
    await paul.goto("/s");
    await paul.fill("#reference", "nothing");
    await paul.click("form[action='/s/reference'] button");
    await paul.locator("[role=alert]").waitFor();
    equal(await paul.inputValue("#reference"), "nothing", "what was typed");
    const visitor = await open(world, { hub: "mulots" });
    await visitor.goto("/s");
    equal(await visitor.locator("#reference").count(), 0, "nobody else is offered it");
    await paul.context().close();
    await visitor.context().close();
  }],

  ["whoever guesses is slowed down, and told so in plain words", async (world) => {
    for (const [lang, wrong, slow] of [["fr", "ne marche pas", "Trop d’essais"], ["en", "does not work", "Too many tries"]]) {
      const page = await open(world, { hub: "mulots", lang });
      let answer, tries = 0;
      do {
        answer = await page.goto(`/s/${String(10000 + tries)}-ABCDE`);
        const words = await page.locator("main").innerText();
        if (answer.status() === 404) ok(words.includes(wrong), words);
        else ok(words.includes(slow), words);
        await quiet(page, "the refusal");
        equal(new URL(await page.locator("nav.languages a").getAttribute("href"), page.url()).pathname, "/s", "the code is not carried on");
      } while (answer.status() === 404 && ++tries < 30);
      equal(answer.status(), 429, `after ${tries} tries`);
      ok(tries <= 10, `${tries} tries`);
      /* By the box it is the same, and what was typed stays. */
      await page.goto("/s");
      await page.fill("#code", "k7q2m");
      await page.click("main button");
      ok((await page.locator("[role=alert]").innerText()).includes(slow), "by the box, too");
      equal(await page.inputValue("#code"), "k7q2m", "what was typed");
      await page.context().close();
    }
    const elsewhere = await open(world, {});
    equal((await elsewhere.goto(`/s/${codes.expected}`)).status(), 200, "another hub goes on");
    await elsewhere.context().close();
  }],

  ["no answer leaks the code: not to caches, not to other sites, not to the log", async (world) => {
    const page = await open(world, {});
    const headers = (await page.goto(`/s/${codes.expected}`)).headers();
    equal(headers["referrer-policy"], "no-referrer", "Referrer-Policy");
    equal(headers["cache-control"], "no-store", "Cache-Control");
    equal(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage })), "{}", "what stays in the browser");
    for (const hub of ["town", "mulots"]) {
      const log = fs.readFileSync(path.join(world.territory, `${hub}.log`), "utf8");
      for (const code of Object.values(codes)) ok(!log.includes(code.slice(0, 5)), `the log of ${hub}`);
    }
    await page.context().close();
  }],

  ["hubctl prints the slip, too", async (world) => {
    const text = await ctl(world, "town", "referral", "slip", world.accepted);
    const { slip, url } = await print(world, world.accepted);
    for (const part of ["On vous attend", "8 quai Jean Bart", slip.code, url]) ok(text.includes(part), text);
    ok(!WHY.test(text), text);
  }],
];
