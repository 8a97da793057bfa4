/* The coordinator: post what is short, see who hears it, watch answers add up, claim from others. */
import { equal, ok, open } from "./lib.mjs";

export const pages = [
  { name: "notices", path: "/notices", who: "lea" },
  { name: "notices-filtered", path: "/notices?kind=question", who: "marie" },
  { name: "notice-ours", path: (world) => `/notices/${world.notice}`, who: "lea" },
  { name: "notice-theirs", path: (world) => `/notices/${world.notice}`, who: "paul", hub: "mulots" },
  { name: "notice-new", path: "/notices/new", who: "lea" },
];

/** Fills and sends the form. @return the path of the new notice. */
async function post(page, { kind = "shortage", what, amount, unit }) {
  await page.goto("/notices/new");
  await page.check(`input[name=kind][value=${kind}]`);
  await page.fill("#what", what);
  await page.fill("#amount", amount);
  await page.fill("#unit", unit);
  await page.fill("#place", "Redon");
  await page.selectOption("#until", "7d");
  await page.click("main .button.primary");
  await page.waitForURL(/done=posted/);
  return new URL(page.url()).pathname;
}

/** Opens a notice of the other hub once it has arrived there. */
async function arrive(page, path) {
  for (let i = 0; i < 100; i++) {
    const answer = await page.goto(path);
    if (answer.status() === 200) return;
    await page.waitForTimeout(100);
  }
  throw new Error(`${path} does not arrive`);
}

async function walk(world, javaScriptEnabled) {
  const lea = await open(world, { who: "lea", javaScriptEnabled });
  const paul = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled });
  await lea.goto("/notices/new");
  ok((await lea.locator("form .field").count()) <= 5, "at most five fields");
  ok((await lea.locator(".reach").innerText()).includes("1 structure l’entendra"), "the reach, before sending");
  equal(await lea.locator("input[name=kind]:checked").count(), 0, "nothing is chosen beforehand");
  const path = await post(lea, { what: `chaises & <b>tables</b> ${javaScriptEnabled}`, amount: "12", unit: "chaises" });
  await arrive(paul, path);
  equal(await paul.locator("main b").count(), 0, "elements out of data");
  await paul.fill("#quantity", "5");
  await paul.click("form[action$='/claim'] button");
  await paul.waitForURL(/done=claimed/);
  equal(await paul.locator("form[action$='/claim']").count(), 0, "one answer a notice at a time");
  const agree = lea.locator("form[action$='/agree'] button");
  for (let i = 0; i < 100 && !(await agree.count()); i++) {
    if (!javaScriptEnabled) await lea.goto(path);
    await lea.waitForTimeout(100);
  }
  await agree.click();
  await lea.waitForURL(/done=claim-agree/);
  equal((await lea.locator(".measure .rest dd").innerText()).trim(), "7 chaises", "what remains");
  const under_way = paul.locator("form[action$='/under-way'] button");
  for (let i = 0; i < 100 && !(await under_way.count()); i++) {
    if (!javaScriptEnabled) await paul.goto(path);
    await paul.waitForTimeout(100);
  }
  await under_way.click();
  await paul.waitForURL(/done=claim-under-way/);
  await paul.click("form[action$='/delivered'] button");
  await paul.waitForURL(/done=claim-delivered/);
  equal((lea.problems.concat(paul.problems)).join("\n"), "", "errors in the console");
  await lea.context().close();
  await paul.context().close();
}

export const tests = [
  ["a shortage is posted, claimed, agreed and delivered; what remains is shown", (world) => walk(world, true)],
  ["the same without scripts", (world) => walk(world, false)],

  ["a claim of all that remains is one tap", async (world) => {
    const lea = await open(world, { who: "lea" });
    const paul = await open(world, { who: "paul", hub: "mulots" });
    await arrive(paul, await post(lea, { kind: "surplus", what: "yaourts", amount: "40", unit: "kg" }));
    await paul.click("form[action$='/claim'] button");
    await paul.waitForURL(/done=claimed/);
    ok((await paul.locator(".row-title").first().innerText()).includes("40 kg"), "all of it");
    await lea.context().close();
    await paul.context().close();
  }],

  ["a double press posts once", async (world) => {
    const page = await open(world, { who: "lea" });
    await page.goto("/notices/new");
    const field = (name) => page.inputValue(`form[action='/notices/new'] [name=${name}]`);
    const form = { csrf: await field("csrf"), request_key: await field("request_key"), kind: "question", what: "qui enseigne le samedi ?" };
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
    await page.check("input[name=kind][value=offer]");
    await page.fill("#what", "appeler le 06 12 34 56 78");
    await page.click("main .button.primary");
    await page.locator("[role=alert]").waitFor();
    equal(await page.inputValue("#what"), "appeler le 06 12 34 56 78", "what was typed");
    ok(await page.isChecked("input[name=kind][value=offer]"), "what was chosen");
    await page.context().close();
  }],

  ["a notice is renewed, then withdrawn in two taps", async (world) => {
    const page = await open(world, { who: "lea", javaScriptEnabled: false });
    const path = await post(page, { kind: "offer", what: "prêt de vélos", amount: "2", unit: "vélos" });
    await page.click("form[action$='/renew'] button");
    await page.waitForURL(/done=renewed/);
    await page.click("summary >> text=Retirer");
    await page.click("form[action$='/withdraw'] button");
    await page.waitForURL(/done=withdrawn/);
    await page.goto(path);
    equal(await page.locator("form[action$='/renew']").count(), 0, "nothing more to do with it");
    await page.context().close();
  }],

  ["a caseworker reads notices and is offered no verb", async (world) => {
    const page = await open(world, { who: "marie" });
    await page.goto(`/notices/${world.notice}`);
    ok(await page.locator(".measure").isVisible(), "the measure");
    equal(await page.locator("main form").count(), 0, "forms");
    await page.context().close();
  }],
];
