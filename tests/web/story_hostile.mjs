/* What somebody types to break a page, in a real browser; tests/system/pages_hostile.py does the same
 * to every form, without one. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { equal, ok, open, signIn } from "./lib.mjs";

export const pages = [];

/* The last one reads "photo.exe" backwards where nothing stops it. */
const NASTY = ["<script>document.title = 'taken'</script>", "\"><img src=x onerror=\"document.title='taken'\">",
  "{{{csrf}}}{{t.account.heading}}", "javascript:document.title='taken'", "exe.\u202eotohp\u2066"];

const untouched = async (page, what) => {
  ok(!(await page.title()).includes("taken"), `${what}: a script of the visitor ran`);
  equal(await page.locator("main script, main img, main iframe").count(), 0, `${what}: elements out of what was typed`);
  ok(!/[\u202a-\u202e\u2066\u2067]/.test(await page.content()), `${what}: marks that turn writing around`);
};

export const tests = [
  ["markup typed into every field of the sign-in and the search stays text", async (world) => {
    for (const javaScriptEnabled of [true, false]) {
      const page = await open(world, { javaScriptEnabled });
      for (const text of NASTY) {
        await page.goto("/sign-in");
        await page.fill("#name", text);
        await page.fill("#passphrase", text);
        await page.click("main button");
        await untouched(page, "sign-in");
        ok(await page.locator("[role=alert]").isVisible(), "it says what is wrong");
      }
      equal(page.problems.join("\n"), "", "errors in the console");
      await page.context().close();
    }
    const page = await open(world, { who: "marie" });
    for (const text of NASTY) {
      await page.goto(`/directory?q=${encodeURIComponent(text)}`);
      await untouched(page, "search");
    }
    equal(page.problems.join("\n"), "", "errors in the console");
    await page.context().close();
  }],

  ["a name in Arabic stays in its place in the sentence", async (world) => {
    const page = await open(world, { who: "alix", javaScriptEnabled: false });
    await page.goto("/admin/users");
    await page.fill("#name", "نور 12");
    await page.check("section[aria-labelledby=add] input[name=role][value=caseworker]");
    await page.click("form[action='/admin/users'] button");
    await page.goto("/admin/users");
    const row = page.locator(".row", { hasText: "نور" });
    equal(await row.locator(".row-title").evaluate((e) => getComputedStyle(e).unicodeBidi), "isolate", "isolation");
    await page.fill("#name", "a\u202eb");
    await page.check("section[aria-labelledby=add] input[name=role][value=caseworker]");
    await page.click("form[action='/admin/users'] button");
    ok(await page.locator("[role=alert]").isVisible(), "a mark that turns writing around is refused");
    await page.context().close();
  }],

  ["the session ends under a form: after signing in again what was typed is there", async (world) => {
    for (const javaScriptEnabled of [true, false]) {
      const page = await open(world, { javaScriptEnabled }), words = "Noémie « du mardi »";
      await signIn(world, page, "alix");
      await page.goto("/admin/users");
      await page.fill("#name", words);
      await page.check("section[aria-labelledby=add] input[name=role][value=secretary]");
      const cookies = (await page.context().cookies()).filter((c) => c.name !== "__Host-maillon");
      const session = (await page.context().cookies()).find((c) => c.name === "__Host-maillon");
      const other = await open(world);
      await other.context().addCookies([session]);
      await other.goto("/account");
      await other.click("form[action='/sign-out'] button");
      await page.click("form[action='/admin/users'] button");
      ok((await page.locator(".lead").innerText()).includes("gardé"), "it says that nothing is lost");
      await page.fill("#name", "alix");
      await page.fill("#passphrase", world.passphrase);
      await page.click("main button");
      equal(await page.inputValue("#name"), words, "what was typed");
      ok((await page.locator("[role=alert]").innerText()).includes("Rien n’est encore parti"), "nothing was sent");
      ok(cookies.length > 0, "a visit has cookies");
      await other.context().close();
      await page.context().close();
    }
  }],

  ["a form from another site does nothing, and says so in both languages", async (world) => {
    for (const [lang, word] of [["fr", "ailleurs"], ["en", "elsewhere"]]) {
      const page = await open(world, { who: "marie" });
      const answer = await page.request.post("/account/sessions/end-others", { maxRedirects: 0, form: { csrf: "0".repeat(64) },
        headers: { "Sec-Fetch-Site": "cross-site", Origin: "https://evil.example", "Accept-Language": lang, Cookie: `maillon-lang=${lang}` } });
      equal(answer.status(), 403, "status");
      ok((await answer.text()).includes(word), `an explanation in ${lang}`);
      await page.context().close();
    }
  }],

  ["a megabyte in one field is answered with a page, and the way back is open", async (world) => {
    const page = await open(world, { who: "alix" });
    await page.goto("/admin/users");
    await page.evaluate(() => {
      const field = document.querySelector("#name");
      field.removeAttribute("maxlength");
      field.value = "é".repeat(1 << 20);
      document.querySelector("section[aria-labelledby=add] input[name=role]").checked = true;
    });
    await page.click("form[action='/admin/users'] button");
    ok((await page.locator("main").innerText()).includes("trop long"), "what is wrong");
    await page.goto("/account");
    equal(new URL(page.url()).pathname, "/account", "still signed in");
    await page.context().close();
  }],

  ["files that are too large are let pass, and a page says so in the language of who sent them", async (world) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "upload-")), large = path.join(folder, "france.json");
    fs.writeFileSync(large, Buffer.alloc(40 << 20, "[ "));
    for (const [lang, word, javaScriptEnabled] of [["fr", "32 Mo", true], ["en", "32 MB", false]]) {
      const page = await open(world, { who: "alix", lang, javaScriptEnabled });
      await page.context().addCookies([{ name: "maillon-lang", value: lang, url: world.town }]);
      await page.goto("/admin/import");
      await page.setInputFiles("#file", large);
      await page.click("main form[enctype] button", { timeout: 60000 });
      await page.getByText(word).waitFor({ timeout: 60000 });
      equal(await page.locator("h1").count(), 1, `a page in ${lang}`);
      await page.goto("/admin/import");
      equal(new URL(page.url()).pathname, "/admin/import", "still signed in");
      await page.context().close();
    }
    fs.rmSync(folder, { recursive: true });
  }],
];
