/* The coordinator: post what is short, see who hears it, watch answers add up, claim from others. */
import { count, ctl, equal, ok, open, photograph, startHub, until } from "./lib.mjs";

export const pages = [
  { name: "notices", path: "/notices", who: "lea" },
  { name: "notices-theirs", path: "/notices", who: "paul", hub: "mulots" },
  { name: "notices-filtered", path: "/notices?kind=question&km=20&who=theirs", who: "marie" },
  { name: "notices-hidden", path: "/notices?hidden=1", who: "lea" },
  { name: "notices-text", path: "/notices/text", who: "lea" },
  { name: "notice-ours", path: (world) => `/notices/${world.notice}`, who: "lea" },
  { name: "notice-theirs", path: (world) => `/notices/${world.notice}`, who: "paul", hub: "mulots" },
  { name: "notice-edit", path: (world) => `/notices/${world.notice}/edit`, who: "lea" },
  { name: "notice-new", path: "/notices/new", who: "lea" },
  { name: "notice-check", who: "lea",
    path: "/notices/new?step=2&kind=shortage&what=matelas+pour+Mme+Dupont&amount=12&unit=matelas&place=Redon" },
];
export const taken = ["/notices/check"];

/** Says the sentence and confirms what was understood. @return the path of the new notice. */
async function post(page, sentence, { kind, ...fields } = {}) {
  await page.goto("/notices/new");
  await page.fill("#what", sentence);
  await page.click("main .button.primary");
  await page.locator("input[name=kind]").first().waitFor();
  if (kind) await page.check(`input[name=kind][value=${kind}]`);
  if (Object.keys(fields).length) {
    if (await page.locator("#detail").isHidden()) await page.click(".notice-more > summary");
    for (const [id, value] of Object.entries(fields)) await page.fill(`#${id}`, value);
  }
  await page.click("main .actions .button.primary");
  await page.waitForURL(/done=posted/);
  return new URL(page.url()).pathname;
}

/** Opens a notice of the other hub once it has arrived there. */
async function arrive(page, path) {
  await until(`${path} arrives`, async () => (await page.goto(path)).status() === 200);
}

/** Waits for something on the page: by itself with scripts, else by asking again. */
async function appears(page, path, what, javaScriptEnabled) {
  const found = page.locator(what);
  await until(`${what} on ${path}`, async () => {
    if (!javaScriptEnabled) await page.goto(path);
    return (await found.count()) > 0;
  });
  return found.first();
}

/** What only a walk comes by: looked at like the pages above. */
const remaining = async (page) => (await page.locator(".measure .rest dd").innerText()).trim();

async function walk(world, javaScriptEnabled) {
  const lea = await open(world, { who: "lea", javaScriptEnabled });
  const paul = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled });

  await lea.goto("/notices/new");
  const hand = count(lea);
  await hand.fill("#what", "Il nous faut 12 chaises & <b>tables</b> pour vendredi");
  await hand.click("main .button.primary");
  await lea.locator("input[name=kind]").first().waitFor();
  ok((await lea.locator("form .field:not(details .field)").count()) <= 5, "at most five fields");
  equal(await lea.inputValue("input[name=kind]:checked"), "shortage", "the kind that was understood");
  equal(await lea.inputValue("#amount"), "12", "the quantity");
  equal(await lea.inputValue("#unit"), "chaises", "the unit");
  equal(await lea.inputValue("#what"), "chaises & <b>tables</b", "the thing");
  ok(/^\d{4}-/.test(await lea.inputValue("#until")), "the day that was named");
  const reach = await lea.locator(".reach").innerText();
  ok(reach.includes("1 structure la recevra") && reach.includes("Les Mulots"), `who gets it, before sending: ${reach}`);
  await hand.click("main .actions .button.primary");
  await lea.waitForURL(/done=posted/);
  hand.done(world, `a notice${javaScriptEnabled ? "" : ", without scripts"}`, { screens: 2, fields: 5, seconds: 30 });
  const path = new URL(lea.url()).pathname;

  await arrive(paul, path);
  equal(await paul.locator("main b").count(), 0, "elements out of data");
  await photograph(world, paul, "notice-to-claim");
  const other = count(paul);
  await other.click("form[action$='/claim'] button >> nth=0");
  await paul.waitForURL(/done=claimed/);
  other.done(world, `a claim of all that is left${javaScriptEnabled ? "" : ", without scripts"}`, { screens: 1, fields: 0, presses: 1 });
  equal(await paul.locator("form[action$='/claim']").count(), 0, "one answer a notice at a time");

  await appears(lea, path, "form[action$='/agree'] button", javaScriptEnabled);
  ok((await lea.locator(".measure-bar .asked-for").count()) === 1, "what waits for a yes is in the bar");
  await lea.click(".claim-more > summary");
  await lea.fill("input[id^=agree-]", "5");
  await lea.click(".claim-forms form[action$='/agree'] button");
  await lea.waitForURL(/done=claim-agree/);
  equal(await remaining(lea), "7", "what remains");

  await (await appears(paul, path, "form[action$='/under-way'] button", javaScriptEnabled)).click();
  await paul.waitForURL(/done=claim-under-way/);
  await paul.click(".claim-more > summary");
  await paul.selectOption("select[id^=release-]", "no-transport");
  await paul.click("form[action$='/release'] button");
  await paul.waitForURL(/done=claim-release/);
  await until("what was promised is free again", async () => {
    if (!javaScriptEnabled) await lea.goto(path);
    return (await remaining(lea)) === "12";
  });
  ok(await lea.locator("text=Pas de quoi le transporter").first().isVisible(), "why it was given back");

  await paul.goto(path);
  await paul.click("text=Une autre quantité");
  await paul.fill("#quantity", "0"); /* would be all that remains */
  await paul.click("details form[action$='/claim'] button");
  equal(await paul.locator("#quantity:invalid").count(), 1, "nothing is no answer");
  await paul.fill("#quantity", "6");
  await paul.fill("#pick_up", "Livré jeudi matin par la camionnette");
  await paul.click("details form[action$='/claim'] button");
  await paul.waitForURL(/done=claimed/);
  await (await appears(lea, path, "form[action$='/agree'] button.primary", javaScriptEnabled)).click();
  await lea.waitForURL(/done=claim-agree/);
  ok(await lea.locator("text=par la camionnette").isVisible(), "the pick-up words");
  await photograph(world, lea, "notice-promised");
  await paul.goto(path);
  await (await appears(paul, path, "form[action$='/under-way'] button", javaScriptEnabled)).click();
  await paul.waitForURL(/done=claim-under-way/);
  await paul.click(".row-end form[action$='/delivered'] button");
  await paul.waitForURL(/done=claim-delivered/);

  await appears(lea, path, ".measure-bar .given", javaScriptEnabled);
  await lea.goto(path);
  await lea.click(".claim-more > summary");
  await lea.fill("input[id^=delivered-]", "5");
  await lea.click(".claim-forms form[action$='/delivered'] button");
  await lea.waitForURL(/done=claim-delivered/);
  equal(await lea.locator(".measure .given dd").innerText(), "5", "what was really delivered");
  await lea.click("summary >> text=C’est terminé");
  await photograph(world, lea, "notice-delivered");
  await lea.click("form[action$='/close'] button[value=yes]");
  await lea.waitForURL(/done=closed/);
  ok((await lea.locator(".tile-kind .badge").first().innerText()).includes("terminée"), "it is closed");
  equal(await lea.locator("form[action$='/renew'], form[action$='/close']").count(), 0, "nothing more to do with it");
  equal((lea.problems.concat(paul.problems)).join("\n"), "", "errors in the console");
  await lea.context().close();
  await paul.context().close();
}

export const tests = [
  ["a shortage is posted, claimed, given back, delivered and closed; what remains is shown", (world) => walk(world, true)],
  ["the same without scripts", (world) => walk(world, false)],

  ["commitments add up on the poster's page while neighbours claim", async (world) => {
    const lea = await open(world, { who: "lea" });
    const path = await post(lea, "On donne 40 kg de yaourts avant demain");
    const id = path.split("/").at(-1);
    await until("it arrives", () => ctl(world, "mulots", "--json", "notice", "show", id).then(() => true, () => false));
    let at = 0;
    lea.on("framenavigated", () => at++);
    await ctl(world, "mulots", "--user", "paul", "notice", "claim", id, "--quantity", "15");
    await lea.locator("form[action$='/agree'] button.primary").waitFor();
    const claim = JSON.parse(await ctl(world, "town", "--user", "lea", "--json", "notice", "claims", id)).claim[0].id;
    await ctl(world, "town", "--user", "lea", "notice", "agree", claim);
    await until("the sum", async () => (await remaining(lea)) === "25");
    equal(await lea.locator(".measure .promised dd").innerText(), "15", "promised");
    equal(at, 0, "the page was not loaded again");
    await lea.context().close();
  }],

  ["the reach shown is who then hears it; a circle is heard by nobody else", async (world) => {
    const circle = JSON.parse(await ctl(world, "town", "--json", "circle", "create", "Nous seuls",
      "--principle", "Ce qui se dit ici reste ici.")).id;
    const lea = await open(world, { who: "lea", javaScriptEnabled: false });
    await lea.goto("/notices/new");
    await lea.fill("#what", "Nous fermons lundi");
    await lea.click("main .button.primary");
    equal(await lea.inputValue("input[name=kind]:checked"), "situation", "what was understood");
    const names = await lea.locator(".reach-names li").allInnerTexts();
    equal(names.length, 1, "one hub hears it");
    await lea.click(".reach summary");
    await lea.selectOption("#circle", circle);
    await lea.click("button[formaction='/notices/check']");
    ok((await lea.locator(".reach").innerText()).includes("Personne ne la recevra"), "the circle has no other member yet");
    equal(await lea.inputValue("#what"), "Nous fermons lundi", "what was typed stays");
    await lea.click("main .actions .button.primary");
    await lea.waitForURL(/done=posted/);
    const inside = new URL(lea.url()).pathname;
    await until("what comes after has arrived", async () => {
      const path = await post(lea, "Qui enseigne le samedi ?");
      const paul = await open(world, { who: "paul", hub: "mulots" });
      await arrive(paul, path);
      equal((await paul.goto(inside)).status(), 404, "who is no member does not hear it");
      await paul.context().close();
      return true;
    });
    ok(!(await (await lea.goto("/notices/text")).text()).includes("Nous fermons lundi"), "nor does the text for everybody");
    await lea.context().close();
  }],

  ["a name is pointed at, and sent all the same when it is none", async (world) => {
    const lea = await open(world, { who: "lea", javaScriptEnabled: false });
    await lea.goto("/notices/new");
    await lea.fill("#what", "il nous faut un lit pour Mme Dupont");
    await lea.click("main .button.primary");
    ok((await lea.locator("form .trouble").innerText()).includes("Mme Dupont"), "the name is pointed at");
    await lea.fill("#what", "lit une place");
    await lea.click("main .actions .button.primary");
    await lea.waitForURL(/done=posted/);
    equal(await lea.locator(".trouble").count(), 0, "no name is left");
    await lea.context().close();
  }],

  ["a sentence without a verb asks for the kind", async (world) => {
    const lea = await open(world, { who: "lea", javaScriptEnabled: false });
    await lea.goto("/notices/new");
    await lea.fill("#what", "12 matelas pour vendredi");
    await lea.click("main .button.primary");
    equal(await lea.locator("input[name=kind]:checked").count(), 0, "nothing is chosen");
    equal(await lea.inputValue("#amount"), "12", "the quantity is");
    await lea.context().close();
  }],

  ["a double press posts once", async (world) => {
    const page = await open(world, { who: "lea" });
    await page.goto("/notices/new?step=2");
    const field = (name) => page.inputValue(`form[action='/notices/new'] [name=${name}]`);
    const form = { csrf: await field("csrf"), request_key: await field("request_key"), step: "2", kind: "question", what: "qui enseigne le samedi ?" };
    const headers = { "Sec-Fetch-Site": "same-origin" };
    const to = [];
    for (let i = 0; i < 2; i++)
      to.push((await page.request.post("/notices/new", { form, headers, maxRedirects: 0 })).headers().location);
    ok(to[0]?.startsWith("/notices/"), `it is posted: ${to[0]}`);
    equal(to[0], to[1], "the second press leads to the same notice");
    await page.context().close();
  }],

  ["a form that is refused keeps what was typed and says why", async (world) => {
    const page = await open(world, { who: "lea", javaScriptEnabled: false });
    await page.goto("/notices/new");
    await page.fill("#what", "on prête 2 vélos, appeler le 06 12 34 56 78");
    await page.click("main .button.primary");
    await page.click("main .actions .button.primary");
    await page.locator("[role=alert]").waitFor();
    ok((await page.inputValue("#what")).includes("06 12 34 56 78"), "what was typed");
    ok(await page.isChecked("input[name=kind][value=offer]"), "what was chosen");
    equal(await page.inputValue("#amount"), "2", "the quantity");
    await page.context().close();
  }],

  ["a notice is renewed in one tap, three times, then asks for a change; then it is withdrawn", async (world) => {
    const page = await open(world, { who: "lea", javaScriptEnabled: false });
    const path = await post(page, "On prête 2 vélos");
    for (let i = 0; i < 3; i++) {
      ok((await page.locator(".own-verbs + .hint").innerText()).includes(`${3 - i} fois`), "how often it may be renewed");
      await page.click("form[action$='/renew'] button");
      await page.waitForURL(/done=renewed/);
      await page.goto(path);
    }
    equal(await page.locator("form[action$='/renew']").count(), 0, "not a fourth time");
    await page.click("a[href$='/edit']");
    equal(await page.inputValue("#amount"), "2", "what stands in it");
    await page.fill("#amount", "3");
    await page.click("main .actions .button.primary");
    await page.waitForURL(/done=updated/);
    equal(await remaining(page), "3", "the change");
    equal(await page.locator("form[action$='/renew']").count(), 1, "after a change it may be renewed again");
    await page.click("summary >> text=C’est terminé");
    await page.fill("#reason", "prêtés ailleurs");
    await page.click("form[action$='/withdraw'] button");
    await page.waitForURL(/done=withdrawn/);
    ok(/vélos/i.test(await page.locator("h1").innerText()), "what it was about is still known");
    await page.click("form[action$='/close'] button[value=no]");
    await page.waitForURL(/done=closed/);
    await page.context().close();
  }],

  ["who answered is told when the quantity, the place or the dates change, and only then", async (world) => {
    const lea = await open(world, { who: "lea", javaScriptEnabled: false });
    const paul = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled: false });
    const path = await post(lea, "Il nous faut 6 lampes");
    await arrive(paul, path);
    await paul.click("form[action$='/claim'] button >> nth=0");
    await paul.waitForURL(/done=claimed/);
    const change = async (fields) => {
      await lea.goto(`${path}/edit`);
      if (fields.detail) await lea.click(".notice-more > summary");
      for (const [id, value] of Object.entries(fields)) await lea.fill(`#${id}`, value);
      await lea.click("main .actions .button.primary");
      await lea.waitForURL(/done=updated/);
    };
    await change({ detail: "à piles" });
    await until("the words arrive", async () => {
      await paul.goto(path);
      return (await paul.locator("text=à piles").count()) > 0;
    });
    equal(await paul.locator("text=L’annonce a changé").count(), 0, "words alone are no news");
    await change({ place: "Salle des fêtes, Allaire" });
    await until("the place is told", async () => {
      await paul.goto("/notices");
      return (await paul.locator("#mine ~ ul .badge >> text=L’annonce a changé").count()) > 0;
    });
    ok((await paul.locator("#theirs ~ ul").innerText()).includes("CCAS de Redon"), "who posted it");
    await photograph(world, paul, "notices-changed");
    await lea.context().close();
    await paul.context().close();
  }],

  ["what is not for us goes out of the list and comes back", async (world) => {
    const lea = await open(world, { who: "lea" });
    const paul = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled: false });
    const path = await post(lea, "Il nous faut 3 poulies");
    await arrive(paul, path);
    await paul.click("text=Pas pour nous");
    await paul.click("form[action$='/hide'] button[value=not-our-field]");
    await paul.waitForURL(/done=hidden/);
    await paul.goto("/notices");
    equal(await paul.locator("text=poulies").count(), 0, "out of the list");
    await paul.goto("/notices?hidden=1");
    await paul.click("text=poulies");
    await paul.click("form[action$='/hide'] button");
    await paul.waitForURL(/done=hidden/);
    await paul.goto("/notices?who=theirs&kind=shortage");
    ok((await paul.locator("text=poulies").count()) > 0, "back in the list");
    await arrive(paul, await post(lea, "Qui répare les fauteuils ?"));
    equal(await paul.locator("form[action$='/claim']").count(), 0, "a question takes no claim");
    ok(await paul.locator("text=On y répond de vive voix").isVisible(), "how to answer");
    equal(await paul.locator("form[action$='/hide']").count(), 1, "nor must it be for us");
    await lea.context().close();
    await paul.context().close();
  }],

  ["open notices are copied as text", async (world) => {
    const lea = await open(world, { who: "lea", javaScriptEnabled: false });
    await lea.goto("/notices/text");
    const text = await lea.inputValue("#text");
    ok(/BESOIN\s: 12 matelas.* – Redon – jusqu’au \d\d\/\d\d/.test(text), text);
    await lea.context().close();
  }],

  ["what is sent may be taken back for some seconds, and is back in the form", async (world) => {
    const end = await startHub(world, { hub: "hameau", name: "Le Hameau", user: "zoe", role: "coordinator" });
    const page = await open(world, { who: "zoe", hub: "hameau", javaScriptEnabled: false });
    await page.goto("/notices/new");
    await page.fill("#what", "On donne 9 bureaux");
    await page.click("main .button.primary");
    ok((await page.locator(".reach").innerText()).includes("Personne ne la recevra"), "nobody is there yet");
    await page.click("main .actions .button.primary");
    await page.waitForURL(/\/held\//);
    await page.click("form[action$='/undo'] button");
    equal(await page.inputValue("#what"), "bureaux", "what was typed");
    equal(await page.inputValue("#amount"), "9", "how many");
    equal(await page.inputValue("input[name=kind]:checked"), "surplus", "what was chosen");
    await page.click("main .actions .button.primary");
    await page.waitForURL(/\/held\//);
    await page.click("form[action$='/now'] button");
    await page.waitForURL(/done=posted/);
    equal((await page.locator("h1").innerText()).toLowerCase(), "bureaux", "it is posted");
    await page.context().close();
    await end();
  }],

  ["a caseworker reads notices and is offered no verb", async (world) => {
    const page = await open(world, { who: "marie" });
    await page.goto(`/notices/${world.notice}`);
    ok(await page.locator(".measure").isVisible(), "the measure");
    equal(await page.locator("main form").count(), 0, "forms");
    await page.context().close();
  }],
];
