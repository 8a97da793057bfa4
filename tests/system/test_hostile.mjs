#!/usr/bin/env node
/*
 * Hostile and broken peers against the real hubd. After every case: the case is answered as the
 * table says, nothing of it is stored, one line of the log says why, the hub is alive and an honest
 * peer still gets through. At the end its memory and descriptors are where they were.
 * Arguments: hubd, hubctl.
 */
import crypto from "node:crypto";
import path from "node:path";
import { Link, Peer, REFUSED, STORED, handshake, helloD, refusals } from "./peer.mjs";
import { makeIdentity, makeParcel, nowS, readInvite, sealBytes, sign, signKey } from "./objects.mjs";
import { Frame, Signed, decode, encode, field, tag, types } from "./wire.mjs";
import { BINARY, TEXT, WebSocket, connect, frameBytes } from "./websocket.mjs";
import { Hub, equal, holds, main, run, slowness, test, until } from "./lib.mjs";

const [hubd, hubctl] = process.argv.slice(2);
const slow = slowness(hubd);
const PING_S = 2, BURST = 100, HALF_OPEN = 256;
const POLICY = 1008, PROTOCOL = 1002, NOT_TEXT = 1003, TOO_BIG = 1009, LATER = 1013;
const BAD_OBJECT = 1, UNKNOWN_KEY = 3;

/* Every address of 127/8 is ours: the limit per address is another test's matter. */
let addresses = 0;
const address = () => `127.9.${(addresses >> 8) & 255}.${(addresses++ & 255) || 1}`;

let hub, honest, names = 0;
const garbage = (size) => crypto.randomBytes(size);
const cut = (bytes) => bytes.subarray(0, bytes.length - 3);
const objects = async () => Number((await hub.ctl("status")).objects ?? 0);

/** The hub is alive, and what an honest peer sends is durable. */
async function stillServes() {
  holds("the hub is alive", hub.isAlive);
  await honest.deliver(2, honest.service("honest", { name: "Un service" }));
}

/* ---- before the proof ---- */

/** @param attack  gets an open link; the hub must close it with `code` and log `reason` once. */
function stranger(sentence, code, reason, attack, options = {}) {
  return test(sentence, async () => {
    const before = await objects(), mark = hub.mark;
    const link = await Link.open({ port: hub.port, localAddress: address(), ...options });
    try {
      await attack(link);
      equal("close code", await link.closed, code);
    } finally {
      link.ws.destroy();
    }
    await checkLog(mark, reason);
    /* Whoever it claimed to be: nobody is named before the proof holds. */
    await until("the end in the log", () => hub.lines("link closed peer=unproven", mark).length);
    equal("objects stored", await objects(), before);
    await stillServes();
  });
}

async function checkLog(mark, reason) {
  const lines = () => hub.lines("refused", mark);
  if (!reason) return;
  await until(`a line with "${reason}"`, () => lines().some((line) => line.includes(reason)));
  equal("lines that say so", lines().length, 1);
}

const bend = (fields) => (link) =>
  handshake(link, makeIdentity(), honest.hub.node, { bend: (t) => ({ ...t, ...fields(t) }) });

async function beforeTheProof() {
  const hello = (fields) => encode(Frame, { hello_d: helloD(honest.hub.node, fields) });
  await stranger("bytes that are no frame", POLICY, "Frame is malformed",
    (link) => link.ws.send(Buffer.concat([Buffer.from([0xff]), garbage(200)])));
  await stranger("a greeting cut short", POLICY, "goes beyond the input",
    (link) => link.ws.send(cut(hello())));
  await stranger("groups nested 2,000 deep", POLICY, "groups are not allowed",
    (link) => link.ws.send(Buffer.concat([hello(), Buffer.alloc(2000, 0x0b)])));
  await stranger("more elements than a list may have", POLICY, "too many elements",
    (link) => link.ws.send(hello({ versions: Array(1025).fill(1) })));
  await stranger("a message of 65,536 bytes", TOO_BIG, null,
    (link) => link.ws.send(garbage(65536)));
  await stranger("a message of 65,535 bytes before the proof", POLICY, "too much before the proof",
    (link) => link.ws.send(garbage(65535)));
  await stranger("a message announced with 2^40 bytes", TOO_BIG, null,
    (link) => link.ws.raw(frameBytes(BINARY, garbage(100), { declared: 2 ** 40 })));
  await stranger("a message in pieces that never ends", TOO_BIG, null, (link) => {
    link.ws.raw(frameBytes(BINARY, garbage(1000), { final: false }));
    for (let i = 0; i < 80; i++) link.ws.raw(frameBytes(0, garbage(1000), { final: false }));
  });
  await stranger("a text message", NOT_TEXT, null,
    (link) => link.ws.raw(frameBytes(TEXT, Buffer.from("bonjour"))));
  await stranger("a second greeting", POLICY, "greeting out of place", async (link) => {
    link.ws.send(hello());
    await link.next("proof");
    link.ws.send(hello());
  });
  await stranger("objects before the proof", POLICY, "out of place", (link) =>
    link.send({ lane: 2, batch: { data: [{ link_seq: 1, oid: garbage(32), object: garbage(99) }] } }));
  await stranger("a greeting for another hub", POLICY, "greeting is for another hub",
    (link) => link.ws.send(hello({ responder: garbage(32) })));
  await stranger("a version nobody speaks", POLICY, "without a version or nonce",
    (link) => link.ws.send(hello({ versions: [9] })));
  await stranger("a nonce that is too short", POLICY, "without a version or nonce",
    (link) => link.ws.send(hello({ nonce: garbage(8) })));
  await proofs();
}

async function proofs() {
  const broken = "proof does not hold";
  await stranger("a proof over another nonce (stale)", POLICY, broken,
    bend((t) => ({ helloR: Buffer.concat([t.helloR, Buffer.from([0])]) })));
  await stranger("a proof over another TLS session (somebody in between)", POLICY, broken,
    bend(() => ({ binding: garbage(32) })));
  await stranger("an offer that was stripped on the way", POLICY, broken,
    bend(() => ({ offer: "hfp.1.cb, hfp.1" })), { offer: "hfp.1" });
  await stranger("a greeting that was changed on the way", POLICY, broken,
    bend(() => ({
      helloD: encode(Frame, { hello_d: helloD(honest.hub.node, { versions: [1, 2] }) }),
    })));
  await stranger("a proof meant for another hub", POLICY, broken,
    bend(() => ({ responder: garbage(32) })));
  await stranger("the key log of another hub under a key of one's own", POLICY,
    "not in the key event log", (link) => handshake(link,
      { ...honest.identity, op: signKey() }, honest.hub.node));
  await stranger("a key log with a broken signature", POLICY, "key event", (link) => {
    const identity = makeIdentity();
    identity.kel[1] = Buffer.from(identity.kel[1]);
    identity.kel[1][identity.kel[1].length - 1] ^= 1;
    return handshake(link, identity, honest.hub.node);
  });
  await test("a whole handshake that was recorded", async () => {
    const first = await Link.open({ port: hub.port, localAddress: address() });
    const sent = [];
    const send = first.ws.send.bind(first.ws);
    first.ws.send = (bytes) => sent.push(bytes) && send(bytes);
    await handshake(first, honest.identity, honest.hub.node);
    await honest.link.closed; /* the newer session of the same hub stays */
    const mark = hub.mark;
    const again = await Link.open({ port: hub.port, localAddress: address() });
    again.ws.send(sent[0]);
    await again.next("proof");
    again.ws.send(sent[1]);
    equal("close code", await again.closed, POLICY);
    await checkLog(mark, broken);
    await first.ws.close();
    await honest.connect({ localAddress: address() });
    await honest.open();
    await stillServes();
  });
}

/* ---- after the proof ---- */

/**
 * A peer that was accepted and then misbehaves.
 * @param expect  {closes, reason} or {err} or {refused: [code, permanent]} or {}.
 */
function accepted(sentence, expect, attack) {
  return test(sentence, async () => {
    const peer = await hub.befriend(`Voisin ${++names}`, { localAddress: address() });
    const before = await objects(), mark = hub.mark;
    try {
      const object = await attack(peer);
      if (expect.closes) {
        equal("close code", await peer.link.closed, expect.closes);
        equal("reason in the bye", peer.bye.reason, 2);
      }
      if (expect.err) {
        await peer.until("Err frame", () => peer.errs.length);
        equal("code in the Err frame", peer.errs.map((e) => e.code), [expect.err]);
        if (object) equal("object in the Err frame", peer.errs[0].oid, object.id ?? object.oid);
      }
      if (expect.refused) {
        const [code, permanent] = expect.refused;
        equal("receipt", [object.entry.state, refusals[object.entry.code], object.entry.permanent],
          [REFUSED, code, permanent]);
      }
      if (!expect.closes) holds("the session goes on", !peer.link.ws.isClosed);
      await checkLog(mark, expect.reason);
      equal("objects stored", await objects(), before + (expect.stored ?? 0));
    } finally {
      peer.link.ws.destroy();
    }
    await stillServes();
  });
}

const flip = (object, at = object.bytes.length - 1) => {
  const bytes = Buffer.from(object.bytes);
  bytes[at] ^= 1;
  return { ...object, bytes };
};
/** A notice signed with `key`, its head changed. */
const noticeBy = (peer, key, head = {}) => {
  const object = peer.notice({}, head);
  return sign(key, types.notice, object.body);
};
/** An object that arrives, is acked, and of which nothing else may be heard. */
const send = (lane, make) => async (peer) => {
  const object = make(peer);
  await peer.deliver(lane, object);
  return object;
};
const raw = (frame) => (peer) => {
  peer.link.send(frame(peer));
};

async function badObjects() {
  const bad = { err: BAD_OBJECT };
  await accepted("a signature that does not hold", bad, send(2, (p) => flip(p.notice())));
  await accepted("a broken copy first does not spoil the good one", { err: BAD_OBJECT, stored: 1 },
    async (peer) => {
      const good = peer.notice();
      await peer.deliver(2, flip(good));
      await peer.deliver(2, good);
      const list = await hub.ctl("notice", "list", "--all");
      holds("the good one is there", list.notice.some((n) => n.ownerName === peer.name));
      return good;
    });
  await accepted("a signature by a key nobody certified", bad,
    send(2, (p) => noticeBy(p, signKey())));
  await accepted("an object that names another author", bad,
    send(2, (p) => p.notice({}, { node: honest.node })));
  await accepted("an object of another hub, passed on as one's own", bad,
    send(2, () => honest.notice()));
  await accepted("an object cut short", bad, send(2, (p) => {
    const object = p.notice();
    return { ...object, bytes: cut(object.bytes) };
  }));
  await accepted("a body cut short under a good signature", bad,
    send(2, (p) => sign(p.identity.op, types.notice, cut(p.notice().body))));
  await accepted("a body with a group under a good signature", bad, send(2, (p) =>
    sign(p.identity.op, types.notice, Buffer.concat([p.notice().body, tag(900, 3), tag(900, 4)]))));
  await accepted("a body with 1,025 elements in a list", bad, send(2, (p) =>
    sign(p.identity.op, types.service, Buffer.concat([p.service("x", { name: "abc" }).body,
      field(4, Buffer.concat(Array(1025).fill(field(5, Buffer.from("a")))))]))));
  await accepted("six signatures", bad, send(2, (p) => {
    const object = p.notice(), signed = decode(Signed, object.bytes);
    return { ...object, bytes: encode(Signed, { ...signed, sig: Array(6).fill(signed.sig[0]) }) };
  }));
  await accepted("a notice on the lane of referrals", bad, send(1, (p) => p.notice()));
  await accepted("a referral in clear", bad, send(1, (p) => p.refer("x")));
  await accepted("unknown fields nested 100 deep are not read", { stored: 1 }, (peer) => {
    let nested = Buffer.alloc(0);
    for (let i = 0; i < 100; i++) nested = field(999, nested);
    return peer.deliver(2, sign(peer.identity.op, types.notice,
      Buffer.concat([peer.notice().body, nested])));
  });
  await sealedObjects(bad);
  await test("three bad objects within ten minutes end the session", async () => {
    const peer = await hub.befriend(`Voisin ${++names}`, { localAddress: address() });
    for (let i = 0; i < 3; i++) peer.send(2, flip(peer.notice()));
    equal("close code", await peer.link.closed, POLICY);
    equal("bye", [peer.bye.reason, peer.bye.retry_after_s], [2, 60]);
    await stillServes();
  });
}

async function sealedObjects(bad) {
  await accepted("a seal that was changed", bad, send(1, (p) => flip(p.seal(p.refer("x")), 200)));
  await accepted("a referral for another hub, sealed to this one", bad,
    send(1, (p) => p.seal(p.refer("x", { event: { recipient: honest.node } }))));
  await accepted("a seal addressed to another hub under our key", bad,
    send(1, (p) => p.seal(p.refer("x"), { dest: honest.node })));
  await accepted("a seal to a key that is not ours", { err: UNKNOWN_KEY },
    send(1, (p) => p.seal(p.refer("x"), { key: honest.identity.enc.public })));
  await accepted("a personal part that was not committed to", bad, send(1, (p) => {
    const refer = p.refer("x");
    return p.seal({ ...refer, salt: garbage(32) });
  }));
  await accepted("a personal part that is missing", bad, send(1, (p) => {
    const refer = p.refer("x");
    return p.seal({ ...refer, payload: undefined, salt: undefined });
  }));
  await accepted("a seal that has no bucket's size", bad, send(1, (p) => {
    const refer = p.refer("x");
    return sealBytes(Buffer.concat([makeParcel({ object: refer.bytes }), garbage(7)]), p.hub.node,
      p.hubEntry.enc_key[0].key, refer.expires_s);
  }));
  await accepted("padding that is not zero", bad, send(1, (p) => {
    const refer = p.refer("x"), plain = Buffer.from(makeParcel(refer.payload && {
      object: refer.bytes, payload: refer.payload, salt: refer.salt,
    }));
    plain[plain.length - 1] = 1;
    return sealBytes(plain, p.hub.node, p.hubEntry.enc_key[0].key, refer.expires_s);
  }));
  await accepted("a referral without consent", bad,
    send(1, (p) => p.seal(p.refer("x", { event: { refer: { service: "x", theme: "numerique",
      urgency: 1, feedback: 2, answer_due_s: nowS() + 86400 } } }))));
}

async function refusedObjects() {
  const day = 86400;
  const referWith = (head, event) => (peer) => peer.deliverForReceipt(peer.refer("x", { head, event }));
  await accepted("an expired referral", { refused: ["EXPIRED", true] },
    referWith({ created_s: nowS() - 3 * day, expires_s: nowS() - 700 }));
  /* Not for ever: of two clocks that differ one is wrong. */
  await accepted("a referral from the future", { refused: ["BAD_STATE", false] },
    referWith({ created_s: nowS() + 3600, expires_s: nowS() + day }));
  await accepted("a referral that lives too long", { refused: ["BAD_STATE", true] },
    referWith({ expires_s: nowS() + 91 * day }));
  await accepted("a field that must be understood", { refused: ["UNSUPPORTED", true] },
    referWith({ critical: [77] }));
  await accepted("a kind of object nobody knows", { refused: ["UNSUPPORTED", true] }, (peer) => {
    const object = peer.refer("x");
    return peer.deliverForReceipt({ ...object,
      ...sign(peer.identity.op, "application/vnd.example.dance.v1", object.body) });
  });
  await accepted("a referral while the switch is off", { refused: ["NOT_ACCEPTED", true] },
    async (peer) => {
      await hub.ctl("peer", "policy", peer.name, "referrals=off");
      return peer.deliverForReceipt(peer.refer("x"));
    });
  /* Notices have no receipts: what is refused is acked and forgotten. */
  const gone = async (peer, object) => {
    await peer.deliver(2, object);
    const list = await hub.ctl("notice", "list", "--all");
    holds("it is not there", !(list.notice ?? []).some((n) => n.ownerName === peer.name));
  };
  await accepted("an expired notice", {}, (peer) =>
    gone(peer, peer.notice({}, { created_s: nowS() - 3 * day, expires_s: nowS() - 700 })));
  await accepted("a notice from the future", {}, (peer) =>
    gone(peer, peer.notice({}, { created_s: nowS() + 3600 })));
  await accepted("a notice with a critical field nobody knows", {}, (peer) =>
    gone(peer, peer.notice({}, { critical: [77] })));
  await accepted("an unknown kind of object on the lane of notices", {}, (peer) =>
    gone(peer, sign(peer.identity.op, "application/vnd.example.dance.v1", peer.notice().body)));
  await accepted("a notice of 16,385 bytes", {}, (peer) => gone(peer, sign(peer.identity.op,
    types.notice, Buffer.concat([peer.notice().body, field(900, garbage(16384))]))));
}

async function badFrames() {
  const closes = (reason) => ({ closes: PROTOCOL, reason });
  const data = (fields) => (p) =>
    ({ lane: 2, batch: { data: [{ ...p.data(2, p.notice()), ...fields }] } });
  await accepted("link_seq 0", closes("data is malformed"), raw(data({ link_seq: 0 })));
  await accepted("an object that is sealed and in clear", closes("data is malformed"),
    raw(data({ sealed: garbage(50) })));
  await accepted("an object without a name", closes("data is malformed"), raw(data({ oid: garbage(5) })));
  await accepted("a part that does not follow", closes("part out of order"),
    raw((p) => ({ lane: 1, batch: { data: [
      { link_seq: 1, oid: garbage(32), part: 3, parts: 5, sealed: garbage(99) }] } })));
  await accepted("an object in a million parts", closes("part out of order"),
    raw((p) => ({ lane: 1, batch: { data: [
      { link_seq: 1, oid: garbage(32), part: 0, parts: 1000000, sealed: garbage(99) }] } })));
  await accepted("257 objects in a batch", closes("batch of 257 objects"), raw((p) => ({
    lane: 2, batch: { data: Array.from({ length: 257 }, (_, i) => (
      { link_seq: i + 9, oid: garbage(32), object: garbage(60) })) },
  })));
  await accepted("an empty batch", closes("batch of 0 objects"),
    raw(() => ({ lane: 2, batch: { data: [] } })));
  await accepted("a lane that is not in use", closes("lane 3"),
    raw((p) => ({ ...data({})(p), lane: 3 })));
  await accepted("an ack beyond what was sent", closes("ack beyond what was sent"),
    raw(() => ({ lane: 2, ack: { link_seq: 4000000 } })));
  await accepted("an ack of 2^64 - 1", closes("ack beyond what was sent"),
    raw(() => ({ lane: 0, ack: { link_seq: 2n ** 64n - 1n } })));
  await accepted("a state without credit", closes("state without credit"),
    raw(() => ({ state: { rx: [], credit: [] } })));
  await accepted("a frame of an unknown kind", closes("unknown kind"),
    (peer) => peer.link.ws.send(field(100, garbage(20))));
  await accepted("more fields than a message may have", closes("too many fields"),
    (peer) => peer.link.ws.send(Buffer.alloc(3 * 4097, Buffer.from([0xa0, 0x06, 0x00]))));
  const both = [encode(Frame, { ping: { nonce: 1 } }), encode(Frame, { pong: {} })];
  await accepted("a frame that two meanings share", closes("given twice"),
    (peer) => peer.link.ws.send(Buffer.concat(both)));
  await accepted("a proof after the proof", closes("out of place"),
    raw((p) => ({ proof: { node: p.node, sig: garbage(64), op: p.identity.op.public } })));
  await accepted("a request to join of 3,000 bytes", closes("request to join of"),
    raw((p) => ({ peer_request: { name: p.name, text: "x".repeat(3000) } })));
  await test("a text message on an open session", async () => {
    const peer = await hub.befriend(`Voisin ${++names}`, { localAddress: address() });
    peer.link.ws.raw(frameBytes(TEXT, Buffer.from("bonjour")));
    equal("close code", await peer.link.closed, NOT_TEXT);
    await stillServes();
  });
  await test("objects before our STATE are taken, and nothing is sent to us before it", async () => {
    const peer = await hub.befriend(`Voisin ${++names}`, { localAddress: address() });
    await peer.disconnect();
    const had = peer.objects.length;
    peer.holdState = true;
    peer.rx = [0, 0, 0]; /* everything would come again */
    await peer.connect({ localAddress: address() });
    await peer.until("their state", () => peer.state);
    await peer.deliver(2, peer.notice());
    equal("objects that came", peer.objects.length, had);
    peer.sendState();
    await peer.until("their card again", () => peer.objects.length > had);
    await peer.disconnect();
  });
  await test("cursors beyond what was sent do not stop later traffic", async () => {
    const peer = await hub.befriend(`Voisin ${++names}`, { localAddress: address() });
    await peer.disconnect();
    const real = [...peer.rx];
    peer.rx = [2 ** 40, 2 ** 40, 2 ** 40];
    await peer.connect({ localAddress: address() });
    await peer.open();
    await peer.disconnect();
    peer.rx = real;
    await peer.connect({ localAddress: address() });
    await peer.open();
    const had = peer.objects.length;
    await hub.ctl({ user: "lea" }, "notice", "post", "--kind", "offer", "--what", `lits ${names}`,
      "--quantity", "3", "--until", "2d", "--contact-role", "accueil");
    await peer.until("the hub's notice", () => peer.objects.length > had);
    await peer.disconnect();
  });
}

/* ---- who may speak ---- */

async function invites() {
  const join = async (secret, name) => {
    const peer = new Peer(name, honest.hub);
    await peer.connect({ localAddress: address() });
    await peer.ask(secret);
    return peer;
  };
  const turnedAway = async (peer) => {
    equal("close code", await peer.link.closed, POLICY);
    equal("answer", peer.decision, 4);
    equal("bye", [peer.bye.reason, peer.bye.retry_after_s], [3, 3600]);
    const known = await hub.tryCtl("peer", "show", peer.name);
    holds("hubctl does not know it", known.status === 1);
    await stillServes();
  };
  await test("a wrong invite", async () => turnedAway(await join(garbage(16), "Faux")));
  await test("no invite", async () => turnedAway(await join(undefined, "Sans")));
  await test("an invite that was used", async () => {
    const { secret } = readInvite(await hub.invite());
    const first = await join(secret, "Premier");
    await first.until("waiting", () => first.decision === 1);
    await turnedAway(await join(secret, "Second"));
    await first.disconnect();
  });
  await test("an invite that has expired", async () => {
    const { secret } = readInvite(await hub.invite());
    const aged = await run("sqlite3", [path.join(hub.dir, "hub.db"), ".timeout 5000",
      "UPDATE invite SET expires_s = 1000 WHERE used_ms = 0"]);
    equal("sqlite3", [aged.status, aged.err], [0, ""]);
    await turnedAway(await join(secret, "Tard"));
  });
  await test("a peer that waits for acceptance sends objects: ignored, not stored", async () => {
    const peer = await join(readInvite(await hub.invite()).secret, "Impatient");
    await peer.until("waiting", () => peer.decision === 1);
    const before = await objects();
    peer.send(2, peer.notice());
    peer.link.send({ ping: { nonce: 7 } });
    const pong = await peer.link.next("pong");
    equal("the session goes on", pong.pong.nonce, 7);
    equal("objects stored", await objects(), before);
    equal("acked", peer.acked[2], 0);
    await peer.disconnect();
    await stillServes();
  });
  await test("a stranger sends objects: closed", async () => {
    const peer = new Peer("Inconnu", honest.hub), before = await objects(), mark = hub.mark;
    await peer.connect({ localAddress: address() });
    peer.send(2, peer.notice());
    equal("close code", await peer.link.closed, PROTOCOL);
    await checkLog(mark, "without a relation");
    equal("objects stored", await objects(), before);
  });
  await test("a blocked peer is sent away, also when it comes back", async () => {
    const peer = await hub.befriend("Bloqué", { localAddress: address() });
    await hub.ctl("peer", "block", "Bloqué");
    equal("close code", await peer.link.closed, POLICY);
    equal("bye", peer.bye.reason, 3);
    const before = await objects();
    await peer.connect({ localAddress: address() });
    peer.send(2, peer.notice());
    equal("close code again", await peer.link.closed, POLICY);
    equal("objects stored", await objects(), before);
    await stillServes();
  });
}

/* ---- too much, too slow ---- */

async function tooMany() {
  await test("more objects than the rate: credit 0, all kept, credit comes back", async () => {
    const peer = await hub.befriend(`Voisin ${++names}`, { localAddress: address() });
    const before = await objects();
    const batch = () => Array.from({ length: 50 }, () => peer.notice());
    for (let i = 0; i < 3; i++) peer.send(2, ...batch());
    await peer.until("credit 0", () => peer.credit[2] === 0);
    await peer.until("acks", () => peer.acked[2] >= peer.seq[2]);
    equal("stored", await objects(), before + 150);
    await stillServes();
    await peer.until("credit", () => peer.credit[2] > 0);
    await peer.disconnect();
  });
  await test("more in flight than was granted ends the session", async () => {
    const peer = await hub.befriend(`Voisin ${++names}`, { localAddress: address() });
    const item = { oid: garbage(32), object: garbage(200) };
    const frame = frameBytes(BINARY, encode(Frame, { lane: 2, batch: {
      data: Array.from({ length: 200 }, (_, i) => ({ link_seq: i + 100, ...item })) } }));
    for (let i = 0; i < 100 && !peer.link.ws.isClosed; i++) peer.link.ws.raw(frame);
    const code = await peer.link.closed;
    holds(`closed with ${code}`, [PROTOCOL, POLICY, 1006].includes(code));
    await stillServes();
  });
}

async function silence() {
  await test("a peer that says nothing is dropped after two and a half pings", async () => {
    const peer = await hub.befriend(`Voisin ${++names}`, { localAddress: address() });
    const began = Date.now();
    peer.link.onFrame = (frame) => { /* no pong */
      if (frame.bye) peer.bye = frame.bye;
      return true;
    };
    equal("close code", await peer.link.closed, 1001);
    const waited = (Date.now() - began) / 1000;
    holds(`after ${waited} s`, waited > PING_S * 2 && waited < PING_S * 2.5 + 4 * slow);
    await stillServes();
  });
}

async function slowReaders() {
  await test("20 peers that read nothing: memory bounded, others served, then dropped", async () => {
    const stalled = [];
    for (let i = 0; i < 20; i++)
      stalled.push(await hub.befriend(`Lent ${i}`, { localAddress: address() }));
    const before = hub.rssKb();
    for (const peer of stalled) peer.link.ws.socket.pause();
    const alive = setInterval(() => { /* the hub hears us, we do not hear it */
      for (const peer of stalled) peer.link.send({ ping: { nonce: 1 } });
    }, 500);
    const content = JSON.stringify(
      { name: "Grand service", description: "é".repeat(6000), reach: ["hub"] });
    const had = honest.objects.length;
    for (let i = 0; i < 40; i++) {
      const put = await run(hubctl, ["--hub", hub.dir, "directory", "put", "-", "--uid", `grand-${i}`],
        { input: content });
      equal("hubctl", put.err, "");
    }
    await honest.until("40 services at an honest peer", () => honest.objects.length >= had + 40);
    const grown = hub.rssKb() - before;
    console.log(`# 20 stalled peers: grown by ${grown} KiB`);
    holds(`grown by ${grown} KiB`, grown < 24576 * slow);
    await until("the slow ones are dropped", stalledAreGone, 30000 * slow);
    clearInterval(alive);
    for (const peer of stalled) peer.link.ws.destroy();
    await stillServes();
  });
}
/* hubctl says who is connected. */
async function stalledAreGone() {
  const list = await hub.ctl("peer", "list");
  return list.peer.filter((p) => p.name.startsWith("Lent") && p.connected).length === 0;
}

async function halfOpen() {
  await test("1,000 half-open connections: the cap holds, honest peers are served", async () => {
    const files = hub.openFiles(), rss = hub.rssKb(), mark = hub.mark;
    const sockets = [];
    let refused = 0, hindered = 0;
    const one = async () => {
      try {
        const ws = await WebSocket.open({ port: hub.port, localAddress: address(), timeoutMs: 20000 });
        sockets.push(ws);
        ws.closed.then((code) => (refused += code === LATER));
      } catch {
        hindered++;
      }
    };
    const began = Date.now();
    for (let i = 0; i < 1000; i += 40) await Promise.all(Array.from({ length: 40 }, one));
    const opened = (Date.now() - began) / 1000;
    await until("those over the cap are told to come later",
      () => refused + hindered >= 1000 - HALF_OPEN);
    const open = sockets.filter((ws) => !ws.isClosed).length;
    holds(`${open} half-open at once`, open <= HALF_OPEN);
    holds(`descriptors: ${hub.openFiles()}`, hub.openFiles() <= files + HALF_OPEN + 8);
    const grown = hub.rssKb() - rss;
    console.log(`# ${open} half-open: grown by ${grown} KiB, ${hindered} turned away earlier`);
    holds(`grown by ${grown} KiB`, grown < 49152 * slow);
    await stillServes();
    await until("a newcomer gets in after the deadline", () =>
      new Peer("Nouveau", honest.hub).connect({ localAddress: address() }), 30000 * slow);
    await until("all are gone", () => sockets.every((ws) => ws.isClosed), 30000 * slow);
    await until("their descriptors too", () => hub.openFiles() <= files + 4);
    const logged = hub.log.length - mark;
    holds(`${logged} lines for 1,000 connections in ${opened} s`, logged < 1100);
    await stillServes();
  });
  await test("TLS without HTTP and TCP without TLS do not add up", async () => {
    const files = hub.openFiles();
    const open = (plain) => connect({ port: hub.port, plain, localAddress: address() });
    const sockets = await Promise.all([...Array(40)].flatMap(() => [open(true), open(false)]));
    await stillServes();
    for (const socket of sockets) socket.destroy();
    await until("their descriptors", () => hub.openFiles() <= files + 2);
  });
}

await main(async () => {
  hub = await (await Hub.make({ hubd, hubctl }, "cible",
    { "ping-s": PING_S, "objects-burst": BURST, "max-half-open": HALF_OPEN })).start();
  await hub.ctl("user", "add", "lea", "--role", "coordinator");
  honest = await hub.befriend("Honnête", { localAddress: address() });
  const began = hub.rssKb(), files = hub.openFiles();
  await beforeTheProof();
  await badObjects();
  await refusedObjects();
  await badFrames();
  await invites();
  await tooMany();
  await silence();
  await slowReaders();
  await halfOpen();
  await test("memory and descriptors are where they were", async () => {
    const grown = hub.rssKb() - began;
    console.log(`# in all: grown by ${grown} KiB`);
    holds(`grown by ${grown} KiB`, grown < 65536 * slow);
    await until(`${hub.openFiles()} descriptors, ${files} at first`, () => hub.openFiles() <= files + 4);
  });
  await test("an honest referral still gets its receipt, and the hub stops cleanly", async () => {
    const receipt = await honest.deliverForReceipt(honest.refer("x"));
    equal("state", receipt.entry.state, STORED);
    await honest.disconnect();
    await hub.stop();
  });
});
