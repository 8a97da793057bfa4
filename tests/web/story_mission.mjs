/* The mission as each role lives it, one after the other, by what they read on the page: a caseworker
 * sends somebody, the receiver answers, the person follows with a paper; a refusal says where else;
 * a coordinator is heard; an admin lets a neighbour in. In both languages, with scripts and without.
 * What each task costs is counted beside PRODUCT.md section 6. */
import { count, ctl, equal, ok, open, startHub, texts, until } from "./lib.mjs";

/** Of who is sent, so that no two stories meet: by the way it is told. */
const NAMES = {
  mission: { fr: ["Mariam", "Firmin"], en: ["Nadège", "Pélagie"] },
  refusal: { fr: ["Ousmane", "Anatole"], en: ["Ketty", "Ludivine"] },
};
const nameOf = (story, lang, javaScriptEnabled) => NAMES[story][lang][javaScriptEnabled ? 0 : 1];
const tagOf = (lang, javaScriptEnabled) => `${javaScriptEnabled ? "avec" : "sans"}${lang}`; /* none begins as another */
/** How a story is told, behind the name of a task. */
const wayOf = (lang, javaScriptEnabled) => `${lang === "en" ? ", English" : ""}${javaScriptEnabled ? "" : ", no scripts"}`;

const NEED = { fr: "voudrait écrire à sa fille par courriel", en: "would like to write to her daughter by mail" };

/** How one role sees the pages: what is on them, by the words of its language. */
function see(page, lang) {
  const t = texts(lang);
  /* A text with a number or a name in it: whatever stands there. */
  const exact = (key) => (t(key).includes("{")
    ? { name: new RegExp(`^${t(key).replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\s?\{[^}]+\}/g, ".*").replace(/\s/g, "\\s")}$`) }
    : { name: t(key), exact: true });
  return {
    t,
    button: (key) => page.getByRole("button", exact(key)),
    link: (key) => page.getByRole("link", exact(key)),
    field: (key) => page.getByLabel(t(key), { exact: true }),
    main: () => page.locator("main").innerText(),
  };
}

/** Waits for words on the page, or for a part of it: they come by themselves, or without scripts when
 *  the page is asked for again. */
async function comes(page, what, javaScriptEnabled) {
  const there = typeof what === "string"
    ? async () => (await page.locator("main").innerText()).toLowerCase().includes(what.toLowerCase())
    : async () => (await what.count()) === 1;
  await page.evaluate?.(() => (window.stayed = true)).catch(() => {});
  await until(`"${what}" on ${page.url()}`, async () => {
    if (!javaScriptEnabled) await page.reload();
    return there();
  });
  if (javaScriptEnabled) ok(await page.evaluate(() => window.stayed), `"${what}" came without loading the page again`);
}

/** Signs in by hand, and is where the day begins. */
async function arrive(world, options) {
  const page = await open(world, options);
  const { field, button, t } = see(page, options.lang);
  await page.goto("/");
  await field("sign_in.name").fill(options.as);
  await field("sign_in.passphrase").fill(world.passphrase);
  await button("sign_in.button").click();
  await page.waitForURL((url) => url.pathname === "/");
  equal(await page.locator("html").getAttribute("lang"), options.lang, "language");
  equal((await page.locator("h1").innerText()).trim(), t("home.heading"), "what waits is the first thing seen");
  return page;
}

/** From the first page to what was sent: words, who fits, consent. @return the path of the referral. */
async function refer(world, page, { lang, name, task, limits = {} }) {
  const { t, button, field } = see(page, lang);
  const hand = count(page);
  await page.goto("/");
  await hand.fill(page.getByRole("searchbox"), "appendre a se servir d'un ordinateur"); /* as it is typed */
  await hand.press("Enter");
  const first = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: t("directory.send") }) }).first();
  await first.waitFor();
  ok((await first.innerText()).includes(t("directory.warm")), `the row says how to reach: ${await first.innerText()}`);
  await hand.click(first.getByRole("link", { name: t("directory.send") }));
  await page.waitForURL((url) => url.pathname === "/referrals/new");
  equal(await page.locator("main :checked:is([type=checkbox], [type=radio])").count(), 0, "nothing is agreed to beforehand");
  await hand.fill(field("referral_new.name"), name);
  await hand.fill(field("referral_new.need"), NEED[lang]);
  await hand.check(field("share.name"));
  await hand.check(field("share.need"));
  await hand.check(field("form.spoken"));
  await hand.click(button("referral_new.button"));
  await page.waitForURL((url) => /^\/referrals\/[^/]{12,}$/.test(url.pathname));
  hand.done(world, task, { screens: 3, fields: 6, presses: 12, seconds: 60, ...limits });
  ok(!decodeURI(page.url()).includes(name), "no name in the address");
  return new URL(page.url()).pathname;
}

async function mission(world, javaScriptEnabled, lang) {
  const name = nameOf("mission", lang, javaScriptEnabled);
  const how = wayOf(lang, javaScriptEnabled);
  const paul = await arrive(world, { as: "paul", hub: "mulots", lang, javaScriptEnabled });
  const marie = await arrive(world, { as: "marie", lang, javaScriptEnabled });
  const there = see(paul, lang), here = see(marie, lang);
  await paul.goto("/referrals?box=in");
  const where = await refer(world, marie, { lang, name, task: `caseworker: words to a referral that is sent${how}` });

  /* The paper, read together; and what the caseworker sees from now on. */
  await here.link("referral.slip").click();
  await marie.waitForURL((url) => url.pathname === `${where}/slip`);
  const slip = marie.getByRole("article");
  const code = (await slip.innerText()).match(/[0-9A-Z]{5}-[0-9A-Z]{5}/)?.[0];
  ok(code, `a code that can be read aloud: ${await slip.innerText()}`);
  ok(!/ordinateur|courriel|computer|mail/i.test(await slip.innerText()), "the paper does not say why");
  await marie.goto(where);

  /* The other side sees it without asking, and answers: one tap, one confirmation. In the list of all:
   * the seven of the first page may be older ones, whose clocks end earlier. By its address: other
   * stories send people of the same name. */
  const row = paul.locator(`main a[href="${where}"]`);
  await comes(paul, row, javaScriptEnabled);
  const hand = count(paul);
  ok((await row.innerText()).startsWith(name), `the row names the person: ${await row.innerText()}`);
  await hand.click(row);
  await paul.waitForURL((url) => url.pathname === where);
  ok((await there.main()).includes(NEED[lang]), "what the person would say is there");
  const contact = there.field("act.contact_name").first(), next = there.field("act.next_step").first();
  if (!(await contact.inputValue())) await contact.fill("Paul, à l’accueil"); /* the first time only */
  await next.fill("venir jeudi à 14 h");
  await hand.click(there.button("act.accept"));
  await paul.getByRole("status").first().waitFor();
  hand.done(world, `receiver: answer${how}`, { presses: 2, seconds: 30 });

  await comes(marie, "venir jeudi à 14 h", javaScriptEnabled);
  ok((await here.main()).toLowerCase().includes(here.t("status.accepted")), "that it is accepted");

  /* The person, on any phone. */
  const person = await open(world, { lang, javaScriptEnabled, viewport: { width: 320, height: 560 } });
  await person.goto(`/s/${code}`);
  const told = await person.locator("main").innerText();
  ok(told.includes("venir jeudi à 14 h") && told.includes("quai Jean Bart") && told.includes("Paul"), `where, when, whom: ${told}`);
  ok(!/ordinateur|courriel|computer|numérique/i.test(await person.content()), "the page does not say why");

  /* It happened, it helped, and everybody knows. */
  await paul.getByText(there.t("act.title.complete"), { exact: true }).first().click();
  await there.field("outcome.helped").check();
  await there.button("act.complete").click();
  await paul.waitForURL((url) => url.searchParams.get("done") === "complete");
  await comes(marie, there.t("status.completed"), javaScriptEnabled);
  await person.reload();
  await see(person, lang).button("person.yes").click();
  await person.getByRole("status").first().waitFor();
  const id = where.split("/").pop();
  await until("the person's word is told to both", async () =>
    (await ctl(world, "mulots", "--user", "paul", "--json", "referral", "show", id)).includes("person-confirmed"));
  equal([marie, paul, person].flatMap((page) => page.problems).join("\n"), "", "errors in the console");
  for (const page of [marie, paul, person]) await page.context().close();
}

/** The service is full: the refusal says so, and the sender goes on from there. */
async function refusal(world, javaScriptEnabled, lang) {
  const name = nameOf("refusal", lang, javaScriptEnabled);
  const marie = await open(world, { who: "marie", lang, javaScriptEnabled });
  const paul = await open(world, { who: "paul", hub: "mulots", lang, javaScriptEnabled });
  const here = see(marie, lang), there = see(paul, lang), how = wayOf(lang, javaScriptEnabled);
  const where = await refer(world, marie, { lang, name, task: `caseworker: the same again${how}` });
  await until("it arrives", async () => (await paul.goto(where)).status() === 200);
  const hand = count(paul);
  await hand.click(there.link("act.title.reject"));
  await hand.check(paul.getByRole("radio", { name: there.t("reason.no-capacity") }));
  await hand.fill(there.field("refuse.text"), "complet jusqu’en janvier");
  const others = paul.getByRole("group", { name: there.t("refuse.others") }).getByRole("checkbox");
  const other = (await others.count()) > 0;
  if (other) await hand.check(others.first());
  await hand.click(there.button("refuse.button"));
  await paul.waitForURL((url) => url.searchParams.get("done") === "reject");
  hand.done(world, `receiver: refuse, with where else${how}`, { seconds: 60 });
  await comes(marie, "complet jusqu’en janvier", javaScriptEnabled);
  ok((await here.main()).toLowerCase().includes(here.t("status.rejected")), "that it is refused");
  await here.link("referral.elsewhere").click();
  await marie.getByRole("searchbox").waitFor();
  if (other) {
    const best = marie.getByRole("listitem").filter({ hasText: here.t("elsewhere.suggested").replace("{peerName}", "Les Mulots") });
    ok((await best.count()) > 0, `what they suggest: ${await here.main()}`);
  }
  await marie.context().close();
  await paul.context().close();
}

/** What is short is said, heard and covered. */
async function shortage(world, javaScriptEnabled, lang) {
  const lea = await open(world, { who: "lea", lang, javaScriptEnabled });
  const paul = await open(world, { who: "paul", hub: "mulots", lang, javaScriptEnabled });
  const here = see(lea, lang), there = see(paul, lang);
  const how = wayOf(lang, javaScriptEnabled), what = `couvertures ${tagOf(lang, javaScriptEnabled)}`;
  await paul.goto("/notices");
  const hand = count(lea);
  await lea.goto("/notices/new");
  await hand.fill(here.field("notice_new.say"), `il nous manque 12 ${what} à Redon`);
  await hand.click(here.button("notice_new.go_on"));
  await here.button("notice_new.send").waitFor();
  ok(/\d/.test(await lea.locator("#reach").innerText()), "who will hear it, before it is sent");
  await hand.click(here.button("notice_new.send"));
  await lea.waitForURL(/done=posted/);
  hand.done(world, `coordinator: post a shortage${how}`, { fields: 5, seconds: 30 });
  const where = new URL(lea.url()).pathname;
  await comes(paul, what, javaScriptEnabled);
  await paul.goto(where);
  const tap = count(paul);
  await tap.click(there.button("notice.claim_need"));
  await paul.waitForURL(/done=claimed/);
  tap.done(world, `coordinator: claim${how}`, { presses: 1 });
  await comes(lea, "Les Mulots", javaScriptEnabled);
  equal([lea, paul].flatMap((page) => page.problems).join("\n"), "", "errors in the console");
  await lea.context().close();
  await paul.context().close();
}

/** Two hubs that never met: invited by words here, joined there, accepted, four switches. */
async function neighbour(world, javaScriptEnabled, lang) {
  const tag = tagOf(lang, javaScriptEnabled);
  const end = await startHub(world, { hub: `new${tag}`, name: `Le Fournil ${tag}`, user: "zoe", role: "admin" });
  try {
    const alix = await open(world, { who: "alix", lang, javaScriptEnabled });
    const zoe = await arrive(world, { as: "zoe", hub: `new${tag}`, lang, javaScriptEnabled });
    const here = see(alix, lang), there = see(zoe, lang);
    const hand = count(alix);
    await alix.goto("/admin/invite");
    await hand.click(here.button("link.invite_button"));
    const invitation = await here.field("link.invitation").inputValue();
    const words = (await alix.locator(".words.large").innerText()).trim();
    await zoe.goto("/admin/invite");
    await there.field("link.invitation").fill(invitation);
    await there.field("link.local").check();
    await there.button("link.join_button").click();
    await zoe.waitForURL(/done=joined/);
    ok((await there.main()).includes(words), "the six words are the same on both screens");
    const row = alix.getByRole("listitem").filter({ hasText: `Le Fournil ${tag}` });
    await until("the request arrives", async () => {
      await alix.goto("/admin/peers");
      return row.count();
    });
    await hand.click(row.getByRole("link").last());
    await hand.click(here.link("peer.accept.button"));
    await hand.click(here.button("peer.accept.button"));
    await alix.waitForURL(/done=peer-accept/);
    await hand.check(alix.getByRole("checkbox", { name: here.t("peer.referrals_on") }));
    await hand.click(here.button("peer.save"));
    await alix.waitForURL(/done=switches/);
    hand.done(world, `admin: invite to referrals on${wayOf(lang, javaScriptEnabled)}`, { seconds: 300 });
    await comes(zoe, there.t("peer.state.accepted"), javaScriptEnabled);
    equal([alix, zoe].flatMap((page) => page.problems).join("\n"), "", "errors in the console");
    await alix.context().close();
    await zoe.context().close();
  } finally {
    await ctl(world, "town", "peer", "leave", `Le Fournil ${tag}`).catch(() => {}); /* it may never have come */
    await end();
  }
}

const inAllWays = (what, run) => [
  [`${what}, in French`, (world) => run(world, true, "fr")],
  [`${what}, in French, without scripts`, (world) => run(world, false, "fr")],
  [`${what}, in English`, (world) => run(world, true, "en")],
  [`${what}, in English, without scripts`, (world) => run(world, false, "en")],
];

export const tests = [
  ...inAllWays("a person is sent on, expected, helped, and everybody learns of it", mission),
  ...inAllWays("a refusal says why and where else", refusal),
  ...inAllWays("a shortage is heard and covered", shortage),
  ...inAllWays("a neighbour is let in", neighbour),
];
