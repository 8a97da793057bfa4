#!/usr/bin/env node
/*
 * A second implementation of HFP/1 (peer.mjs) works with the real hubd: joining, directory, a
 * referral with its whole chain, receipts, notices, and a restart in between.
 * Arguments: hubd, hubctl, the folder of golden vectors.
 */
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { Link, Peer, STORED, action, answerHandshake, checkGolden } from "./peer.mjs";
import { ReferralPayload, decode, types } from "./wire.mjs";
import { makeIdentity, nowS, openSigned, readInvite, writeInvite } from "./objects.mjs";
import { Hub, equal, freePort, holds, main, test, until } from "./lib.mjs";
import { serve } from "./websocket.mjs";

const [hubd, hubctl, golden] = process.argv.slice(2);
const marie = { user: "marie" };

await main(async () => {
  await test("the second implementation makes the golden bytes", () => checkGolden(golden));

  const hub = await (await Hub.make({ hubd, hubctl }, "alpha")).start();
  await hub.ctl("user", "add", "marie", "--role", "caseworker");
  await hub.ctl("user", "add", "lea", "--role", "coordinator");
  let peer, referral, receipt;

  await test("an invite of hubctl reads the same here", async () => {
    const text = await hub.invite();
    const invite = readInvite(text);
    equal("routes", invite.routes, [hub.url]);
    equal("written again", writeInvite(invite), text);
    peer = new Peer("Autre Hub", { node: invite.node, port: hub.port });
    await peer.connect();
    await peer.ask(invite.secret, "bonjour");
    await peer.until("answer", () => peer.decision);
    equal("decision", peer.decision, 1);
    equal("state in hubctl", (await hub.peer("Autre Hub")).state, "waiting");
    holds("no traffic before acceptance", peer.state === null);
  });
  await test("hubctl peer accept opens the lanes to it", async () => {
    await hub.ctl("peer", "accept", "Autre Hub");
    await peer.until("acceptance", () => peer.decision === 2);
    await peer.open();
    equal("state in hubctl", (await hub.peer("Autre Hub")).state, "accepted");
    equal("cursors start at 0", peer.state.rx.map((c) => c.link_seq), [0, 0, 0]);
    equal("their view of our keys", peer.state.kel_head, peer.identity.kelHead);
    await hub.ctl("peer", "policy", "Autre Hub", "referrals=on");
  });
  await test("directory entries and services go both ways", async () => {
    equal("name on the hub's card", peer.hubEntry.name, "alpha");
    equal("route on the hub's card", peer.hubEntry.route, [hub.url]);
    await peer.deliver(2, peer.service("vacances",
      { name: "Séjours familles", reach: ["hub"], theme: ["famille--garde-denfants"] }));
    const found = await hub.ctl("directory", "search", "sejours");
    holds("our service is found there", found.service?.[0].content.name === "Séjours familles");
    const file = `${hub.dir}/../service.json`;
    fs.writeFileSync(file, JSON.stringify({ name: "Atelier numérique", reach: ["hub"] }));
    await hub.ctl("directory", "put", file, "--uid", "atelier");
    const has = () => peer.objects.find((o) => o.type === types.service);
    const service = await peer.until("the hub's service", has);
    equal("its uid", service.body.uid, "atelier");
  });

  await test("a referral from here shows in hubctl, and its receipt is signed", async () => {
    referral = peer.refer("atelier", { need: "voudrait apprendre à écrire un courriel" });
    receipt = await peer.deliverForReceipt(referral);
    equal("state", receipt.entry.state, STORED);
    equal("chain head", receipt.entry.chain_head.length, 32);
    equal("signed by the hub", openSigned(receipt.raw, peer.kel.ops).type, types.receipt);
    const id = referral.oid.toString("hex");
    const seen = await hub.ctl(marie, "referral", "show", id);
    equal("need", seen.need, "voudrait apprendre à écrire un courriel");
    equal("status", seen.status, "requested");
  });
  await test("the same object again gives the identical receipt bytes", async () => {
    /* A receipt that is still queued is not queued twice: our ack must have reached the store. */
    const queued = async () => (await hub.ctl("outbox", "list")).row ?? [];
    await until("our ack of the first", async () => (await queued()).length === 0);
    const before = peer.receipts.length;
    await peer.deliver(1, peer.seal(referral));
    await peer.until("second receipt", () => peer.receipts.length > before);
    equal("sealed receipt", peer.receipts[before].sealed, receipt.sealed);
    equal("one referral there", (await hub.ctl(marie, "referral", "list", "--in")).referral.length, 1);
  });
  await test("hubctl's answers arrive as one verified chain", async () => {
    const id = referral.oid.toString("hex");
    await hub.ctl(marie, "referral", "seen", id);
    await hub.ctl(marie, "referral", "accept", id, "--contact", "Marie", "--next-step", "venir mardi");
    await hub.ctl(marie, "referral", "progress", id, "--what", "scheduled");
    const chain = () => peer.objects.filter((o) => o.type === types.referral);
    await peer.until("three events", () => chain().length === 3);
    let prev = "";
    for (const [i, o] of chain().entries()) {
      equal("stream", o.body.head.stream, referral.oid);
      equal("seq", o.body.head.seq, i + 1);
      equal("prev", o.body.head.prev.toString("hex"), prev);
      equal("seen", o.body.seen, referral.oid);
      prev = o.oid.toString("hex");
    }
    equal("actions", chain().map((o) => o.body.action), [action.SEEN, action.ACCEPT, action.PROGRESS]);
    const accept = chain()[1];
    equal("commit of the personal part", accept.body.commit.length, 32); /* checked on arrival */
    equal("contact", decode(ReferralPayload, accept.payload).contact_name, "Marie");
  });
  await test("receipts from here free the hub's outbox", async () => {
    const waiting = async () => (await hub.ctl("outbox", "list")).row?.length ?? 0;
    holds("they wait for a signed receipt, not for an ack", await waiting() >= 3);
    const entries = peer.objects.filter((o) => o.type === types.referral)
      .map((o) => ({ oid: o.oid, state: STORED }));
    await peer.deliver(0, peer.seal(peer.receipt(entries)));
    await until("empty outbox", async () => await waiting() === 0);
  });

  await test("after a restart both sides go on from their cursors", async () => {
    const stopped = peer.link.closed;
    await hub.stop();
    await stopped;
    equal("bye says going away", peer.bye.reason, 0);
    await hub.start();
    const objects = peer.objects.length;
    await peer.connect();
    await peer.open();
    equal("their cursors", peer.state.rx.map((c) => c.link_seq), peer.seq);
    const message = peer.event(referral.oid, action.MESSAGE, {
      seen: peer.objects.filter((o) => o.type === types.referral).at(-1).oid,
      personal: { text: "merci" },
    });
    const answer = await peer.deliverForReceipt(message);
    equal("receipt of a message", answer.entry.state, STORED);
    equal("nothing came twice", peer.objects.length, objects + 1);
  });
  await test("the same object after the restart still gives the first receipt", async () => {
    const before = peer.receipts.length;
    await peer.deliver(1, peer.seal(referral));
    await peer.until("receipt", () => peer.receipts.length > before);
    equal("sealed receipt", peer.receipts[before].sealed, receipt.sealed);
  });
  await test("an ack that was lost makes the hub send again, the same bytes", async () => {
    const id = referral.oid.toString("hex");
    peer.holdAcks = true;
    const lost = [...peer.rx];
    await hub.ctl(marie, "referral", "complete", id, "--outcome", "helped");
    const ends = () => peer.objects.filter((o) => o.body.action === action.COMPLETE);
    await peer.until("the end of the referral", () => ends().length === 1);
    await peer.disconnect();
    peer.rx = lost; /* as after a crash before the commit */
    peer.holdAcks = false;
    await peer.connect();
    await peer.open();
    await peer.until("again", () => ends().length === 2);
    equal("bytes", ends()[1].sealed, ends()[0].sealed);
  });

  await test("a notice from here shows in hubctl, and one of the hub arrives", async () => {
    const ours = { what: "couvertures", quantity: { amount: 30, unit: "pièces" } };
    await peer.deliver(2, peer.notice(ours));
    const list = await hub.ctl({ user: "lea" }, "notice", "list");
    equal("asked", [list.notice[0].content.what, list.notice[0].asked], ["couvertures", 30]);
    const posted = await hub.ctl({ user: "lea" }, "notice", "post", "--kind", "shortage", "--what",
      "matelas", "--quantity", "12", "--unit", "matelas", "--until", "7d", "--contact-role", "accueil");
    const has = () => peer.objects.find((o) => o.type === types.notice);
    const notice = await peer.until("the hub's notice", has);
    equal("uid", notice.body.uid.toString("hex"), posted.id);
    equal("quantity", notice.body.content.quantity, { amount: 12, unit: "matelas" });
    await until("one hub reached", async () =>
      (await hub.ctl({ user: "lea" }, "notice", "show", posted.id)).reached === 1);
    await hub.ctl({ user: "lea" }, "notice", "withdraw", posted.id);
    const gone = () => peer.objects.find((o) => o.type === types.notice && o.body.version === 2);
    equal("withdrawn has no content", (await peer.until("withdrawal", gone)).body.content, undefined);
  });
  await test("without channel binding the handshake holds too", async () => {
    await peer.disconnect();
    await peer.connect({ offer: "hfp.1" });
    equal("selected", peer.link.ws.selected, "hfp.1");
    await peer.open();
    await peer.disconnect();
  });
  await dialledByTheHub(hub, peer.hub.node);
  await test("the hub stops cleanly", () => hub.stop());
});

/* The hub as dialler: it joins by our invite, and must notice whoever is not us. */
async function dialledByTheHub(hub, node) {
  const port = await freePort(), secret = crypto.randomBytes(16);
  const files = { cert: fs.readFileSync(path.join(hub.dir, "tls.crt")),
    key: fs.readFileSync(path.join(hub.dir, "tls.key")) };
  const host = new Peer("Hôte", { node, port: hub.port });
  let server, onOpen, mark = hub.mark;

  await test("somebody in between, or another hub at our address, gets no proof", async () => {
    const seen = [];
    const impostors = [
      (link) => answerHandshake(link, host.identity, node,
        { bend: (t) => ({ ...t, binding: crypto.randomBytes(32) }) }),
      (link) => answerHandshake(link, { ...makeIdentity(), node: host.node }, node),
    ];
    onOpen = (ws) => {
      const impostor = impostors[Math.min(seen.length, impostors.length - 1)];
      const ended = impostor(new Link(ws)).then(() => "proof", () => "none");
      seen.push(Promise.all([ended, ws.closed]));
    };
    server = await serve({ port, ...files }, (ws) => onOpen(ws));
    const invite = writeInvite({ node: host.node, secret, routes: [`wss://127.0.0.1:${port}`],
      expires_s: nowS() + 3600 });
    await hub.ctl("peer", "join", "--local", invite);
    for (const want of impostors.keys())
      await until(`impostor ${want} is refused`, () => seen[want]);
    for (const one of seen.slice(0, 2)) equal("what it got", await one, ["none", 1008]);
    holds("the log says why", hub.lines("proof does not hold", mark).length > 0 &&
      hub.lines("of another node", mark).length > 0);
  });
  await test("the hub dials us, proves itself and asks with our invite", async () => {
    let failure;
    mark = hub.mark;
    onOpen = (ws) => host.answer(ws).catch((error) => (failure ??= error));
    await until("request", () => {
      if (failure) throw failure;
      return host.request;
    });
    equal("offer", host.link.ws.offer, "hfp.1.cb, hfp.1");
    equal("invite", host.request.invite, secret);
    equal("name", host.request.name, "alpha");
    host.link.send({ peer_answer: { decision: 2, name: host.name } });
    await host.open();
    equal("state in hubctl", (await hub.peer("Hôte")).state, "accepted");
  });
  await test("a referral of hubctl arrives sealed to our key; our receipt shows there", async () => {
    await hub.ctl("peer", "policy", "Hôte", "referrals=on");
    await host.deliver(2, host.service("repas", { name: "Repas partagés", reach: ["hub"] }));
    const [{ id: service }] = (await hub.ctl("directory", "search", "repas partages")).service;
    const { id } = await hub.ctl(marie, "referral", "send", "--to", service, "--name", "B42",
      "--contact-by", "caseworker", "--need", "manger au chaud", "--theme", "alimentation",
      "--urgency", "urgent", "--consent", "spoken", "--share", "name,need");
    const has = () => host.objects.find((o) => o.type === types.referral);
    const refer = await host.until("the referral", has);
    equal("its id", refer.oid.toString("hex"), id);
    const payload = decode(ReferralPayload, refer.payload);
    equal("personal part", [payload.person.name, payload.need], ["B42", "manger au chaud"]);
    equal("consent", [refer.body.refer.consent.field, refer.body.refer.consent.recipient],
      [["name", "need"], host.node]);
    const show = () => hub.ctl(marie, "referral", "show", id);
    equal("before the receipt", (await show()).delivery, "sent");
    await host.deliver(0, host.seal(host.receipt([{ oid: refer.oid, state: STORED }])));
    equal("after it", (await show()).delivery, "stored");
    const accept = host.event(refer.oid, action.ACCEPT, {
      seen: refer.oid, personal: { contact_name: "Léo", next_step: "venir à midi" },
    });
    equal("receipt", (await host.deliverForReceipt(accept)).entry.state, STORED);
    const after = await show();
    equal("our answer", [after.status, after.contactName], ["accepted", "Léo"]);
  });
  await host.link?.ws.close();
  server.close();
}
