/* Those who keep the directory: import a file, decide about doubles, keep the own services right. */
import fs from "node:fs";
import path from "node:path";
import { axe, ctl as call, equal, ok, open as window, photograph, startHub } from "./lib.mjs";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
/* A hub of its own: what is imported here would be found by the searches of other stories. */
const HUB = "annuaire";
const ctl = (world, ...args) => call(world, HUB, ...args);
const open = (world, options) => window(world, { hub: HUB, who: "rose", ...options });
const vector = (name) => path.join(here, "../vectors/data", name);

export const pages = [
  { name: "own-services", path: "/own-services", who: "rose", hub: HUB },
  { name: "service-new", path: "/own-services/new", who: "rose", hub: HUB },
  { name: "service-edit", path: (world) => `/own-services/${world.ownService}`, who: "rose", hub: HUB },
  { name: "import", path: "/admin/import", who: "rose", hub: HUB },
  { name: "import-staged", path: (world) => `/admin/import/${world.staged}`, who: "rose", hub: HUB },
  { name: "review", path: "/admin/review", who: "rose", hub: HUB },
  { name: "review-same", path: "/admin/review/same", who: "rose", hub: HUB },
];

/** What the pages above show: a service, doubles decided and open, a file that waits. */
export async function prepare(world) {
  world.endDirectory = await startHub(world, { hub: HUB, name: "Annuaire du pays", user: "rose", role: "coordinator,admin" });
  await ctl(world, "--json", "call", "Accounts/AddUser", JSON.stringify({ name: "lea", role: "coordinator", passphrase: world.passphrase }));
  const put = async (service) => {
    const file = path.join(world.territory, "own.json");
    fs.writeFileSync(file, JSON.stringify(service));
    return JSON.parse(await ctl(world, "--json", "directory", "put", file)).id.split("/")[1];
  };
  world.ownService = await put({
    name: "Permanence d'accès aux droits", description: "Une assistante sociale reçoit, écoute et aide à remplir les dossiers.",
    theme: ["difficultes-administratives-ou-juridiques--accompagnement-pour-lacces-aux-droits"], reach: ["hub", "telephoner"],
    phone: "02 99 71 00 00", communeName: "Redon", postalCode: "35600", openingHours: "Mo-Fr 09:00-12:00; We 14:00-17:00", price: "gratuit",
  });
  await put({ name: "Domiciliation", description: "Une adresse pour recevoir son courrier.", reach: ["se-presenter"] });
  await ctl(world, "directory", "import", vector("doubles-2022.json"), "--format", "data-inclusion", "--licence", "Licence Ouverte 2.0");
  await ctl(world, "directory", "import", vector("gironde.json"), "--format", "mediation-numerique", "--source", "Département de la Gironde");
  const { pair } = JSON.parse(await ctl(world, "--json", "directory", "review"));
  await ctl(world, "directory", "merge", pair[0].id, "--keep", pair[0].first.id);
  const page = await open(world);
  world.staged = await stage(page, "angers.json", "Ville d'Angers");
  await page.context().close();
}

/** Sends a file and lands on what it would do. @return its id. */
async function stage(page, name, source) {
  await page.goto("/admin/import");
  await page.setInputFiles("#file", [].concat(name).map(vector));
  await page.fill("#source", source);
  await page.fill("#licence", "Licence Ouverte 2.0");
  await page.click("main form[enctype] button");
  await page.waitForURL(/\/admin\/import\/[0-9a-f]{16}$/);
  return new URL(page.url()).pathname.split("/").pop();
}

const figure = async (page, number) => Number((await page.locator(".figures strong").nth(number).innerText()).replaceAll(/\D/g, ""));

async function importFile(world, javaScriptEnabled) {
  const page = await open(world, { javaScriptEnabled });
  const [file, count] = javaScriptEnabled ? ["nouvelle-caledonie-2024.json", 90] : ["bus-france-services-charente-2023.json", 12];
  const records = JSON.parse(fs.readFileSync(vector(file))).length;
  ok(records <= count, "the file of the tests");
  await stage(page, file, "Hub");
  ok((await page.locator(".lead").innerText()).includes(file), "the name of the file");
  equal(await figure(page, 0), records, "what would be added");
  ok((await page.locator("main").innerText()).includes("Les doublons se cherchent pendant l’import"), "what it cannot know yet");
  ok((await ctl(world, "--json", "directory", "review")).length > 2, "the hub goes on");
  await page.click("main .button.primary");
  await page.waitForURL(/done=imported/);
  equal(await figure(page, 0), records, "what was added");
  equal(await page.locator("main a[href='/admin/review']").count(), 1, "the way to the review");
  /* Pressed again by who goes back: nothing twice. */
  await stage(page, file, "Hub");
  equal(await figure(page, 0), 0, "the same file again adds nothing");
  equal(await figure(page, 2), records, "all of it is there");
  await page.click("form[action$='/drop'] button");
  await page.waitForURL(/done=import-dropped/);
  equal(page.problems.join("\n"), "", "errors in the console");
  await page.context().close();
}

async function decide(world, javaScriptEnabled) {
  const page = await open(world, { javaScriptEnabled });
  await page.goto("/admin/review");
  const open_ = async () => Number((await page.locator("section .label").first().innerText()).match(/\d+/)[0]);
  const before = await open_();
  const first = page.locator(".pair-card").first();
  ok((await first.locator("tbody tr").count()) >= 2, "what differs, side by side");
  const heads = await first.locator("thead th").allInnerTexts();
  ok(heads.slice(1).every((head) => /\d/.test(head)), `each with its date: ${heads}`);
  ok(!(await page.locator("main").innerText()).includes("+33"), "numbers as people write them");
  const id = await first.getAttribute("id");
  await first.locator("button[value=apart]").click();
  await page.waitForURL(/done=pair-apart/);
  equal(await open_(), before - 1, "one question less");
  equal(await page.locator(`#${id}`).count(), 0, "it is not asked again");
  await page.locator(".pair-card").first().locator("button[name=keep]").last().click();
  await page.waitForURL(/done=pair-same/);
  const after = await open_();
  ok(after < before - 1, "two are one now");
  await ctl(world, "directory", "import", vector("doubles-2022.json"), "--format", "data-inclusion");
  await page.reload();
  equal(await open_(), after, "the same file again asks nothing again");
  await page.goto("/admin/review/same");
  ok(!(await page.locator("main").innerText()).includes("operator"), "who decided, in words");
  await page.locator("main form button").first().click();
  await page.waitForURL(/done=pair-open/);
  await page.context().close();
}

async function keepService(world, javaScriptEnabled) {
  const page = await open(world, { javaScriptEnabled });
  const name = `Atelier couture ${javaScriptEnabled ? "du lundi" : "du jeudi"}`;
  await page.goto("/own-services");
  await page.click("main .page-head .button.primary");
  equal(await page.locator("form .card details[open], main form details[open]").count(), 0, "the rest is folded");
  await page.fill("#name", name);
  await page.fill("#description", "Raccommoder ensemble, machines & <b>fils</b> sur place.");
  await page.selectOption("select[name=theme] >> nth=0", "equipement-et-alimentation--habillement");
  await page.check("input[name=reach][value=telephoner]");
  await page.fill("#phone", "02 99 71 11 11");
  await page.click("main form .button.primary >> nth=0");
  await page.waitForURL(/done=service-put/);
  equal(await page.locator("main b").count(), 0, "elements out of data");
  const row = page.locator(".own-service", { hasText: name });
  const uid = (await row.getAttribute("id")).slice(2);
  /* Capacity: one press. */
  let presses = 0;
  const press = async (locator) => { presses++; await locator.click(); };
  await press(row.locator("button[value=waitlist]"));
  await page.waitForURL(/done=service-capacity/);
  equal(presses, 1, "presses to say how many places there are");
  equal(await page.locator(`#s-${uid} button[value=waitlist]`).getAttribute("aria-pressed"), "true", "what was said");
  /* Still right: one press. */
  await page.locator(`#s-${uid} form[action$='/confirm'] button`).click();
  await page.waitForURL(/done=service-confirmed/);
  ok((await page.locator(`#s-${uid} .row-facts`).innerText()).includes("vérifié"), "the day it was checked");
  /* Closed now, with words; open again. */
  await page.locator(`#s-${uid} summary >> text=Fermé en ce moment`).click();
  await page.fill(`#words-${uid}`, "Travaux : venez à la mairie");
  await page.locator(`#s-${uid} form[action$='/close'] button`).click();
  await page.waitForURL(/done=service-closed/);
  ok((await page.locator(`#s-${uid} .closed`).innerText()).includes("Travaux"), "the message");
  await page.locator(`#s-${uid} form[action$='/open'] button`).click();
  await page.waitForURL(/done=service-opened/);
  /* The whole entry: hours are read back in words before they are saved. */
  await page.locator(`#s-${uid} a[href='/own-services/${uid}']`).last().click();
  equal(await page.inputValue("#name"), name, "what is there");
  await page.locator("summary >> text=Où et quand").click();
  await page.fill("#opening_hours", "Mo,Th 14:00-17:30");
  await page.click("button[formaction$='/check']");
  const hours = (await page.locator("#hours-preview").innerText()).replaceAll(/\s/g, " ");
  ok(hours.includes("lun., jeu. : 14 h – 17 h 30"), `hours in words: ${hours}`);
  equal(await page.inputValue("#phone"), "02 99 71 11 11", "what was typed stays");
  await page.fill("#opening_hours", "le lundi si on peut");
  await page.click("button[formaction$='/check']");
  ok((await page.locator("#hours-preview").innerText()).includes("ne comprenons pas"), "said when not understood");
  await page.fill("#opening_hours", "lundi et jeudi de 14h à 17h30");
  await page.click("main form .button.primary >> nth=0");
  await page.waitForURL(/done=service-put/);
  const kept = JSON.parse(await ctl(world, "--json", "directory", "show", uid));
  equal(kept.content.openingHours, "Mo,Th 14:00-17:30", "hours");
  equal(kept.content.capacity?.code, "CAPACITY_CODE_WAITLIST", "the edit keeps what it does not show");
  await page.locator(`#s-${uid} summary >> text=Retirer`).click();
  await page.locator(`#s-${uid} form[action$='/remove'] button`).click();
  await page.waitForURL(/done=service-removed/);
  equal(await page.locator(`#s-${uid}`).count(), 0, "it is gone");
  equal(page.problems.join("\n"), "", "errors in the console");
  await page.context().close();
}

/** Languages by their names, as people write them; what nobody knows is named, and nothing is lost. */
async function nameLanguages(world, javaScriptEnabled) {
  const page = await open(world, { javaScriptEnabled });
  const name = `Accueil de jour ${javaScriptEnabled ? "du matin" : "du soir"}`;
  const save = () => page.click("main form .button.primary >> nth=0");
  await page.goto("/own-services/new");
  await page.fill("#name", name);
  await page.check("input[name=reach][value=telephoner]");
  await page.locator("summary >> text=Pour qui").click();
  const offered = () => page.locator("#languages option").evaluateAll((options) => options.map((option) => option.value));
  ok((await offered()).includes("amharique"), "names to choose from");
  await page.fill("#language", "arabe, klingon");
  equal((await offered()).includes("arabe, amharique"), javaScriptEnabled, "names behind a comma");
  await save();
  const alert = await page.locator("#failure").innerText();
  ok(/reconnu\s: klingon\./.test(alert), `what was not understood: ${alert}`);
  ok(await page.locator("#language").isVisible(), "the field is in sight");
  equal(await page.getAttribute("#language", "aria-invalid"), "true", "the field is marked");
  equal(await page.inputValue("#language"), "arabe, klingon", "what was typed stays");
  equal(await page.inputValue("#name"), name, "the rest too");
  if (!javaScriptEnabled) equal((await axe(world, page)).join("\n"), "", "axe");
  else await photograph(world, page, "service-language-refused");
  await page.fill("#language", "ARABE, lsf et Francais");
  await save();
  await page.waitForURL(/done=service-put/);
  const uid = (await page.locator(".own-service", { hasText: name }).getAttribute("id")).slice(2);
  const { id, content } = JSON.parse(await ctl(world, "--json", "directory", "show", uid));
  equal(content.language.join(), "ar,fsl,fr", "codes are kept");
  await page.goto(`/own-services/${uid}`);
  equal(await page.inputValue("#language"), "arabe, langue des signes (LSF), français", "names in the form");
  await page.goto(`/directory/${id}?lang=en`);
  ok((await page.locator("main").innerText()).includes("Arabic, French Sign Language (LSF), French"), "names for who reads");
  await page.goto("/own-services?lang=fr");
  await page.locator(`#s-${uid} summary >> text=Retirer`).click();
  await page.locator(`#s-${uid} form[action$='/remove'] button`).click();
  await page.waitForURL(/done=service-removed/);
  equal(page.problems.join("\n"), "", "errors in the console");
  await page.context().close();
}

export const tests = [
  ["a real file is looked at, imported, and imported again", (world) => importFile(world, true)],
  ["the same without scripts", (world) => importFile(world, false)],
  ["doubles are shown side by side and decided once", (world) => decide(world, true)],
  ["doubles without scripts", (world) => decide(world, false)],
  ["a service is added, kept right, changed and removed", (world) => keepService(world, true)],
  ["a service without scripts", (world) => keepService(world, false)],

  ["languages are typed by name", (world) => nameLanguages(world, true)],
  ["languages without scripts", (world) => nameLanguages(world, false)],

  ["structures and services are sent together", async (world) => {
    const page = await open(world);
    await stage(page, ["data-inclusion-services.json", "data-inclusion-structures.json"], "2022");
    equal(await figure(page, 0), 185, "records of both files");
    await page.context().close();
  }],

  ["a file that is none is refused with words, and what was typed stays", async (world) => {
    const page = await open(world, { javaScriptEnabled: false });
    await page.goto("/admin/import");
    await page.setInputFiles("#file", { name: "photo.json", mimeType: "image/png", buffer: Buffer.from([137, 80, 78, 71, 13, 10]) });
    await page.fill("#source", "Nous");
    await page.click("main form[enctype] button");
    await page.locator("[role=alert]").waitFor();
    ok((await page.locator("[role=alert]").innerText()).includes("Choisissez son format"), "what to do");
    equal(await page.inputValue("#source"), "Nous", "what was typed");
    await page.context().close();
  }],

  ["too large a file is refused before it is read, and a stranger's at once", async (world) => {
    const page = await open(world);
    await page.goto("/admin/import");
    const csrf = await page.inputValue("form[enctype] [name=csrf]");
    const send = (context, size) => context.request.post("/admin/import", { maxRedirects: 0,
      multipart: { csrf, file: { name: "a.json", mimeType: "application/json", buffer: Buffer.alloc(size, 32) } },
      headers: { "Sec-Fetch-Site": "same-origin" } }).then((r) => r.status(), () => 413);
    equal(await send(page, 34 * 1024 * 1024), 413, "status of 34 MB");
    const lea = await open(world, { who: "lea" });
    ok([403, 413].includes(await send(lea, 2 * 1024 * 1024)), "a coordinator may not send files");
    equal(await send(page, 2 * 1024 * 1024), 400, "two megabytes of blanks are read, and are nothing");
    await lea.context().close();
    await page.context().close();
  }],
];
