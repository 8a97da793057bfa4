/* A photo or a paper goes with a referral: sent from the page, saved by the other side. */
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { ctl, equal, ok, open, photograph, texts, until } from "./lib.mjs";

export const taken = ["/referrals/:id/files/:number"];

const MIB = 1024 * 1024;
const photo = (bytes) => Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), crypto.randomBytes(bytes - 4)]);
const NAME = "Attestation d’été n°3.jpg";

/** The pages of all referrals show one: the looks of the list are those of every page. */
export async function prepare(world) {
  const file = path.join(world.territory, "attestation.pdf");
  fs.writeFileSync(file, "%PDF-1.4\n");
  await ctl(world, "town", "--user", "marie", "referral", "attach", world.accepted, file, "--text", "voici l’attestation");
  await until("the paper is on the other side", async () =>
    (await ctl(world, "mulots", "--user", "paul", "--json", "referral", "show", world.accepted)).includes("attestation.pdf"));
}

async function send(world, name) {
  const answer = await ctl(world, "town", "--user", "marie", "--json", "referral", "send", "--to", world.service,
    "--name", name, "--need", "voudrait écrire à sa fille", "--theme", "numerique", "--urgency", "normal",
    "--contact-by", "caseworker", "--consent", "spoken", "--share", "name,contact,need",
    "--referrer-name", "Marie, CCAS", "--referrer-phone", "02 99 71 00 00");
  const { id } = JSON.parse(answer);
  await until(`${name} arrives`, async () =>
    (await ctl(world, "mulots", "--user", "paul", "--json", "referral", "list")).includes(id));
  return id;
}

/** Fills in the form of files on the page of a referral. */
async function attach(page, id, { name, mimeType, buffer }, words = "") {
  const t = texts("fr");
  await page.goto(`/referrals/${id}`);
  await page.getByText(t("attachment.add"), { exact: true }).click();
  await page.getByLabel(t("attachment.file"), { exact: true }).setInputFiles({ name, mimeType, buffer });
  if (words) await page.getByLabel(t("attachment.text"), { exact: true }).fill(words);
  await page.getByRole("button", { name: t("attachment.send"), exact: true }).click();
}

export const tests = [
  ["a photo goes along, and the other side saves the very same bytes", async (world) => {
    const t = texts("fr");
    for (const javaScriptEnabled of [true, false]) {
      const id = await send(world, "Jeanne");
      const marie = await open(world, { who: "marie", javaScriptEnabled });
      const paul = await open(world, { who: "paul", hub: "mulots", javaScriptEnabled });
      const picture = photo(3 * MIB + 17);
      await paul.goto(`/referrals/${id}`);
      await attach(marie, id, { name: NAME, mimeType: "image/jpeg", buffer: picture }, "sa carte, recto");
      await marie.waitForURL((url) => url.searchParams.get("done") === "attach");
      const ours = await marie.locator("#files").innerText();
      ok(ours.includes(NAME) && ours.includes("Photo") && ours.includes("3 Mo"), `what was sent is listed: ${ours}`);
      ok((await marie.locator("#history").innerText()).includes("a joint un fichier"), "the history says so");
      ok((await marie.locator("#thread").innerText()).includes("sa carte, recto"), "the word with it");

      const save = paul.getByRole("link", { name: new RegExp(`^${t("attachment.save")}`) });
      await until("it is at the other side", async () => {
        if (!javaScriptEnabled) await paul.goto(`/referrals/${id}`);
        return (await save.count()) === 1;
      });
      if (javaScriptEnabled) await photograph(world, paul, "referral-files");
      const [download] = await Promise.all([paul.waitForEvent("download"), save.click()]);
      equal(download.suggestedFilename(), NAME, "its name");
      ok(fs.readFileSync(await download.path()).equals(picture), "the same bytes");
      const answer = await paul.request.get(await save.getAttribute("href"));
      const headers = answer.headers();
      equal(headers["content-type"], "image/jpeg", "its type");
      ok(headers["content-disposition"].startsWith("attachment;"), "it is saved and not shown");
      equal(headers["x-content-type-options"], "nosniff", "no guessing");
      equal(headers["cache-control"], "no-store", "it is kept nowhere");
      equal([...marie.problems, ...paul.problems].join("\n"), "", "errors in the console");
      await marie.context().close();
      await paul.context().close();
    }
  }],

  ["what cannot be attached says why, and the word with it stays", async (world) => {
    const id = await send(world, "Karim");
    const page = await open(world, { who: "marie", javaScriptEnabled: false });
    const refused = [
      [{ name: "tout.zip", mimeType: "application/zip", buffer: Buffer.from("PK\x03\x04\0\0\0\0") }, "seulement PDF, JPEG, PNG"],
      [{ name: "vide.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(0) }, "Choisissez d’abord un fichier"],
      [{ name: "grande.jpg", mimeType: "image/jpeg", buffer: photo(16 * MIB + 1) }, "16 Mo au plus"],
    ];
    for (const [file, said] of refused) {
      await attach(page, id, file, "un mot qui reste");
      const main = await page.locator("main").innerText();
      ok(main.includes(said), `${file.name}: ${main.slice(0, 300)}`);
      equal(await page.locator("#attach-text").inputValue(), "un mot qui reste", file.name);
      ok(await page.locator("#attach-text").isVisible(), `${file.name}: the form is open`);
    }
    await attach(page, id, { name: "enorme.jpg", mimeType: "image/jpeg", buffer: photo(17 * MIB) });
    ok((await page.locator("main").innerText()).includes("16 Mo au plus"), await page.locator("main").innerText());
    await page.goto(`/referrals/${id}`);
    ok((await page.locator("#files").innerText()).includes(texts("fr")("attachment.none")), "nothing was attached");
    for (let number = 1; number <= 3; number++)
      await attach(page, id, { name: `${number}.txt`, mimeType: "text/plain", buffer: Buffer.from(`page ${number}`) });
    equal(await page.locator("#files .row").count(), 3, "three are there");
    equal(await page.locator("#attach-file").count(), 0, "a fourth is not asked for");
    await page.context().close();
  }],

  ["only a caseworker sends and saves files, and a large body of others is not read", async (world) => {
    const lea = await open(world, { who: "lea" });
    equal((await lea.request.get(`/referrals/${world.accepted}/files/1`)).status(), 403, "a coordinator saves");
    const post = await lea.request.post(`/referrals/${world.accepted}/attach`, {
      multipart: { attach: "yes", file: { name: "a.jpg", mimeType: "image/jpeg", buffer: photo(2 * MIB) } } }).catch((error) => error);
    ok(!(post instanceof Error) ? post.status() === 403 : /EPIPE|ECONNRESET|socket/.test(post.message), `a coordinator sends: ${post.message ?? post.status()}`);
    const marie = await open(world, { who: "marie" });
    for (const [number, status] of [["1", 200], ["0", 404], ["2", 404], ["x", 404], ["99999999999", 400]])
      equal((await marie.request.get(`/referrals/${world.accepted}/files/${number}`)).status(), status, `file ${number}`);
    for (const page of [lea, marie]) await page.context().close();
  }],
];
