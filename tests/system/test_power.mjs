#!/usr/bin/env node
/*
 * Two real hubs, federated; referrals are submitted both ways through hubctl while kill -9 takes
 * either hub at random moments. At the end every referral whose hubctl call exited 0 is at the
 * other hub exactly once, a repeated key names the same referral, nothing waits in an outbox and
 * both hubs tell the same story.
 * Arguments: hubd, hubctl, rounds (15), seed (1).
 */
import fs from "node:fs";
import path from "node:path";
import { Hub, equal, holds, main, pause, root, slowness, test, until } from "./lib.mjs";

const [hubd, hubctl, rounds = "15", seedText = "1"] = process.argv.slice(2);
const slow = slowness(hubd);
const IN_A_ROUND = 3, QUICK_MS = 45;

/* mulberry32: the same seed takes the same hubs at the same delays. */
let seed = Number(seedText) >>> 0;
function random(below) {
  seed = (seed + 0x6d2b79f5) >>> 0;
  let t = seed;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % below;
}

const marie = { user: "marie" };
const options = {
  "referrals-per-minute": 0, "objects-per-second": 0, "address-per-minute": 6000,
  "address-burst": 1000,
};
const hubs = {};
let kills = 0;
const submitted = []; /* {from, to, key, id: of the first call that exited 0} */

async function setUp() {
  for (const name of ["gauche", "droite"]) {
    const hub = (hubs[name] = await Hub.make({ hubd, hubctl }, name, options));
    await hub.start();
    await hub.ctl("user", "add", "marie", "--role", "caseworker");
    const file = path.join(root, `${name}.json`);
    fs.writeFileSync(file, JSON.stringify({ name: `Accueil ${name}`, reach: ["hub"] }));
    hub.service = (await hub.ctl("directory", "put", file, "--uid", "accueil")).id;
  }
  const { gauche, droite } = hubs;
  await droite.ctl("peer", "join", "--local", await gauche.invite());
  await until("the request", async () => (await gauche.peer("droite")).state === "waiting");
  await gauche.ctl("peer", "accept", "droite");
  await until("acceptance", async () => (await droite.peer("gauche")).state === "accepted");
  for (const [hub, other] of [[gauche, droite], [droite, gauche]]) {
    await hub.ctl("peer", "policy", other.name, "referrals=on");
    await until("the service of the other", () => hub.ctl("directory", "show", other.service));
  }
}

const send = ({ from, to, key }) => from.tryCtl(marie, "referral", "send", "--to", to.service,
  "--name", "A17", "--contact-by", "caseworker", "--need", `besoin ${key}`, "--theme", "numerique",
  "--urgency", "normal", "--consent", "spoken", "--share", "name,need", "--request-key", key);

/** One hubctl call; what it answers counts only when it exited 0. */
async function submit(one) {
  const ret = await send(one);
  if (ret.status !== 0) return;
  const { id } = JSON.parse(ret.out);
  if (one.id) equal(`referral of ${one.key}`, id, one.id);
  one.id = id;
}

async function killOne() {
  const hub = random(2) ? hubs.gauche : hubs.droite;
  await pause(random(QUICK_MS * slow > 50 ? 50 : QUICK_MS));
  equal("it did not end by itself", hub.isAlive, true);
  await hub.kill();
  kills++;
  await pause(random(30)); /* the other one notices, or not */
  await hub.start();
}

async function round(number) {
  const fresh = [];
  for (let i = 0; i < IN_A_ROUND; i++) {
    const [from, to] = random(2) ? [hubs.gauche, hubs.droite] : [hubs.droite, hubs.gauche];
    fresh.push({ from, to, key: `cle-${number}-${i}` });
  }
  submitted.push(...fresh);
  await Promise.all([killOne(), ...fresh.map(submit)]);
  /* Whoever was told nothing asks again with the same key, once its hub is there. */
  await Promise.all(fresh.filter((one) => !one.id).map((one) =>
    until(`answer to ${one.key}`, async () => (await submit(one), one.id))));
}

const list = async (hub, box) =>
  (await hub.ctl(marie, "referral", "list", `--${box}`, "--limit", "500")).referral ?? [];
const waiting = async (hub) => (await hub.ctl("outbox", "list", "--limit", "500")).row?.length ?? 0;

await main(async () => {
  console.log(`# seed ${seedText}, ${rounds} rounds`);
  await test("two hubs federate", setUp);
  const { gauche, droite } = hubs;
  await test(`${rounds} rounds of submitting under kill -9`, async () => {
    for (let i = 0; i < Number(rounds); i++) await round(i);
    holds("hubs were killed", kills === Number(rounds));
  });
  await test("a repeated key gives the same referral", async () => {
    for (const one of submitted) {
      const { id } = one;
      await submit(one);
      equal(one.key, one.id, id);
    }
  });
  await test("nothing waits any more", async () => {
    for (const hub of [gauche, droite]) await hub.ctl("outbox", "retry");
    for (const hub of [gauche, droite])
      await until(`${hub.name} drains`, async () => await waiting(hub) === 0, 60000 * slow);
  });
  await test("each referral is at the other hub exactly once", async () => {
    for (const [from, to] of [[gauche, droite], [droite, gauche]]) {
      const want = submitted.filter((one) => one.from === from).map((one) => one.id).sort();
      equal(`ids at ${to.name}`, (await list(to, "in")).map((r) => r.id).sort(), want);
      equal(`ids kept by ${from.name}`, (await list(from, "out")).map((r) => r.id).sort(), want);
    }
  });
  await test("answers under kill -9 arrive too, and both sides tell the same", async () => {
    const steps = [["seen"], ["accept", "--contact", "Accueil", "--next-step", "venir"],
      ["progress", "--what", "scheduled"], ["complete", "--outcome", "helped"]];
    const some = submitted.filter((_, i) => i % 9 === 0);
    for (const [i, step] of steps.entries()) {
      const act = (one) => until(`${step[0]} of ${one.key}`, async () => {
        const ret = await one.to.tryCtl(marie, "referral", step[0], one.id, ...step.slice(1));
        /* Done before the answer was lost: the table refuses to do it twice. */
        const now = await one.to.ctl(marie, "referral", "show", one.id);
        return ret.status === 0 || now.event.some((e) => e.action === step[0]);
      });
      await Promise.all([i < 3 ? killOne() : null, ...some.map(act)]);
    }
    const view = async (hub, box) => (await list(hub, box))
      .map((r) => [r.id, r.status, r.businessStatus ?? "", r.outcome ?? ""].join(" ")).sort();
    for (const [from, to] of [[gauche, droite], [droite, gauche]])
      await until(`${from.name} and ${to.name} agree`, async () =>
        (await view(from, "out")).join() === (await view(to, "in")).join(), 60000 * slow);
    for (const hub of [gauche, droite])
      await until(`${hub.name} drains`, async () => await waiting(hub) === 0, 60000 * slow);
    const ended = (await list(gauche, "out")).concat(await list(droite, "out"))
      .filter((r) => r.status === "completed");
    equal("completed", ended.length, some.length);
  });
  await test("all are known as delivered to their senders", async () => {
    for (const hub of [gauche, droite]) {
      const other = (await list(hub, "out")).filter((r) => !["stored", "presented"].includes(r.delivery));
      equal("not stored", other.map((r) => r.delivery), []);
    }
  });
  await test("every event is in both databases, once", async () => {
    const events = async (hub, id) => (await hub.ctl(marie, "referral", "show", id)).event
      .map((e) => e.oid).sort();
    for (const { from, to, id } of submitted) {
      const mine = await events(from, id);
      equal(`events of ${id.slice(0, 8)}`, await events(to, id), mine);
      equal("none twice", new Set(mine).size, mine.length);
    }
  });
  await test("both hubs stop cleanly", async () => {
    await gauche.stop();
    await droite.stop();
    for (const hub of [gauche, droite])
      holds("clean end", hub.log.at(-1).includes("stopped"));
  });
});
