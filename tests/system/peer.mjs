/*
 * A second implementation of HFP/1 in plain JavaScript: a hub without a store, at either end.
 * It shares no code with the daemon. `node peer.mjs GOLDEN_FOLDER` checks it against the golden
 * vectors.
 */
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  commitOf, makeDelegate, makeIdentity, makeIncept, makeParcel, nodeText, nowS, openSigned, pae,
  readKel, seal, sealKey, sha256, sign, signKey, transcript, unseal, verify,
} from "./objects.mjs";
import {
  ClaimEvent, DirectoryEntry, Frame, Notice, Receipt, ReferralEvent, ReferralPayload, Service,
  Signed, decode, encode, types,
} from "./wire.mjs";
import { WebSocket } from "./websocket.mjs";

export const STORED = 1, REFUSED = 3;
export const refusals = ["", "NOT_ACCEPTED", "BLOCKED", "UNSUPPORTED", "TOO_LARGE", "EXPIRED",
  "UNKNOWN_KEY", "BAD_STATE", "QUOTA", "FORKED"];
const ACCEPTED = 2; /* PeerDecision */
export const action = { REFER: 1, SEEN: 2, ACCEPT: 5, PROGRESS: 8, COMPLETE: 9, MESSAGE: 17 };

const bodies = {
  [types.receipt]: Receipt, [types.referral]: ReferralEvent, [types.claim]: ClaimEvent,
  [types.notice]: Notice, [types.entry]: DirectoryEntry, [types.service]: Service,
};
const WINDOW = 1024;
const WAIT_MS = 20000;

/** One WebSocket with the frames of HFP/1 on it. What arrives is kept until somebody asks for it. */
export class Link {
  static async open(options) {
    return new Link(await WebSocket.open(options));
  }

  constructor(ws) {
    this.ws = ws;
    this.frames = [];
    this.waiting = [];
    this.onFrame = null;
    for (const message of ws.messages.splice(0)) this.#take(message);
    ws.onMessage = (message) => this.#take(message);
    ws.closed.then(() => {
      for (const waiter of this.waiting.splice(0)) waiter.end();
    });
  }

  #take(bytes) {
    const frame = { ...decode(Frame, bytes), bytes };
    try {
      if (this.onFrame && this.onFrame(frame)) return;
    } catch (error) { /* the hub sent something wrong: whoever waits is told */
      this.fault ??= error;
      this.ws.destroy();
      return;
    }
    this.frames.push(frame);
    this.#serve();
  }

  #serve() {
    for (const waiter of [...this.waiting]) {
      const at = this.frames.findIndex(waiter.wants);
      if (at < 0) continue;
      this.waiting.splice(this.waiting.indexOf(waiter), 1);
      waiter.found(this.frames.splice(at, 1)[0]);
    }
  }

  /** The first frame that has `kind` (and passes `filter`); others stay for later. */
  next(kind, filter = () => true, ms = WAIT_MS) {
    return new Promise((resolve, reject) => {
      const give = (how) => {
        clearTimeout(timer);
        this.waiting = this.waiting.filter((w) => w !== waiter);
        how();
      };
      const lost = (why) => give(() => reject(new Error(`no ${kind}: ${why}`)));
      const timer = setTimeout(() => lost("waited too long"), ms);
      const waiter = {
        wants: (frame) => frame[kind] !== undefined && filter(frame[kind], frame),
        found: (frame) => give(() => resolve(frame)),
        end: () => lost(`closed with ${this.ws.closeCode}`),
      };
      this.waiting.push(waiter);
      this.#serve();
      if (this.ws.isClosed && this.waiting.includes(waiter)) waiter.end();
    });
  }

  send(frame) {
    const bytes = encode(Frame, frame);
    this.ws.send(bytes);
    return bytes;
  }
  get closed() {
    return this.ws.closed;
  }
}

/** HELLO_D of `identity` to `responder`; fields may be overridden to misbehave. */
export const helloD = (responder, fields = {}) => ({
  nonce: crypto.randomBytes(32), versions: [1],
  limits: { frame_bytes: 65535, window_objects: WINDOW }, clock_ms: Date.now(), responder,
  ...fields,
});

/**
 * The three messages, as dialler. `bend` may change the transcript before it is signed.
 * @return {ops, head} of the responder's key event log.
 */
export async function handshake(link, identity, responder, { bend = (t) => t } = {}) {
  const sent = link.send({ hello_d: helloD(responder) });
  const answer = await link.next("hello_r");
  const proof = (await link.next("proof")).proof;
  const kel = readKel(answer.hello_r.kel, responder);
  const t = {
    helloD: sent, helloR: answer.bytes, offer: link.ws.offer, selected: link.ws.selected,
    dialler: identity.node, responder, binding: link.ws.binding,
  };
  if (!answer.hello_r.kel_head.equals(kel.head)) throw new Error("key event head differs");
  if (!kel.ops.some((op) => op.equals(proof.op)) || !proof.node.equals(responder) ||
      !verify(proof.op, transcript("R", t), proof.sig))
    throw new Error("the hub's proof does not hold");
  const sig = identity.op.sign(transcript("D", bend(t)));
  link.send({
    proof: {
      node: identity.node, sig, op: identity.op.public, kel: identity.kel,
      kel_head: identity.kelHead,
    },
  });
  return { ...kel, clockMs: answer.hello_r.clock_ms, transcript: t };
}

/** The same as responder. Throws unless the dialler is `dialler` and its proof holds. */
export async function answerHandshake(link, identity, dialler, { bend = (t) => t } = {}) {
  const hello = await link.next("hello_d");
  if (!hello.hello_d.responder.equals(identity.node)) throw new Error("greeting for another hub");
  const sent = link.send({
    hello_r: { node: identity.node, kel: identity.kel, kel_head: identity.kelHead,
      ...helloD(undefined) },
  });
  const t = {
    helloD: hello.bytes, helloR: sent, offer: link.ws.offer, selected: link.ws.selected,
    dialler, responder: identity.node, binding: link.ws.binding,
  };
  const sig = identity.op.sign(transcript("R", bend(t)));
  link.send({ proof: { node: identity.node, sig, op: identity.op.public } });
  const { proof } = await link.next("proof");
  const kel = readKel(proof.kel, dialler);
  if (!proof.node.equals(dialler) || !kel.ops.some((op) => op.equals(proof.op)) ||
      !verify(proof.op, transcript("D", t), proof.sig))
    throw new Error("the dialler's proof does not hold");
  return kel;
}

/**
 * A hub as its neighbours see it. Sequence numbers, cursors and objects outlive a session, so that
 * `connect` may be called again after the daemon restarted.
 */
export class Peer {
  constructor(name, hub) {
    this.name = name;
    this.hub = hub; /* {node, port} */
    this.identity = makeIdentity();
    this.seq = [0, 0, 0];     /* last link_seq used, per lane */
    this.rx = [0, 0, 0];      /* what we hold of theirs */
    this.acked = [0, 0, 0];   /* what they acked */
    this.credit = [0, 0, 0];
    this.streams = new Map(); /* type or referral id -> {seq, prev} */
    this.objects = [];        /* all that arrived: {type, lane, body, payload, raw, oid} */
    this.receipts = [];       /* {raw, entry} one an entry */
    this.errs = [];
    this.decision = 0;
    this.watchers = new Set();
  }

  get node() {
    return this.identity.node;
  }

  async connect(options = {}) {
    const link = await Link.open({ port: this.hub.port, ...options });
    try {
      this.kel = await handshake(link, this.identity, this.hub.node);
    } catch (error) {
      link.ws.destroy();
      throw error;
    }
    return this.#attach(link);
  }

  /** Takes a WebSocket that the hub opened to us. */
  async answer(ws) {
    const link = new Link(ws);
    this.kel = await answerHandshake(link, this.identity, this.hub.node);
    return this.#attach(link);
  }

  #attach(link) {
    this.link = link;
    this.state = null;
    link.onFrame = (frame) => this.#onFrame(link, frame);
    for (const frame of link.frames.splice(0)) this.#onFrame(link, frame);
    link.closed.then(() => this.#changed());
    return this;
  }

  disconnect() {
    return this.link.ws.close();
  }

  /** Resolves once `condition()` holds; looked at after every frame and at the end. */
  until(what, condition, ms = WAIT_MS) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const value = condition();
        const over = this.link.ws.isClosed && !value;
        if (!value && !over) return;
        clearTimeout(timer);
        this.watchers.delete(look);
        if (value) resolve(value);
        else reject(this.link.fault ?? new Error(`${what}: closed with ${this.link.ws.closeCode}`));
      };
      const timer = setTimeout(() => {
        this.watchers.delete(look);
        reject(new Error(`${what}: waited too long`));
      }, ms);
      this.watchers.add(look);
      look();
    });
  }
  #changed() {
    for (const look of [...this.watchers]) look();
  }

  /* ---- what arrives ---- */

  #onFrame(link, frame) {
    if (frame.ping) link.send({ pong: { nonce: frame.ping.nonce } });
    else if (frame.peer_answer) this.decision = frame.peer_answer.decision;
    else if (frame.state) this.#onState(link, frame.state);
    else if (frame.batch) this.#onBatch(link, frame.lane, frame.batch);
    else if (frame.ack) this.acked[frame.lane] = frame.ack.link_seq;
    else if (frame.credit) this.credit[frame.lane] = frame.credit.objects;
    else if (frame.err) this.errs.push({ lane: frame.lane, ...frame.err });
    else if (frame.bye) this.bye = frame.bye;
    else if (frame.peer_request) this.request = frame.peer_request;
    else return false;
    this.#changed();
    return true;
  }

  #onState(link, state) {
    this.state = state;
    this.credit = [...state.credit];
    for (const { lane, link_seq } of state.rx) this.acked[lane] = link_seq;
    if (this.holdState) return;
    link.send({ peer_answer: { decision: ACCEPTED, name: this.name } });
    this.sendState();
  }

  sendState() {
    this.link.send({
      state: {
        rx: this.rx.map((link_seq, lane) => ({ lane, link_seq })),
        kel_head: this.kel.head, clock_ms: Date.now(), credit: [WINDOW, WINDOW, WINDOW],
      },
    });
  }

  #onBatch(link, lane, batch) {
    for (const data of batch.data) {
      if (data.link_seq <= this.rx[lane]) throw new Error("link_seq does not rise");
      if (data.parts > 1) throw new Error("parts are not expected here");
      this.#onObject(lane, data);
      this.rx[lane] = data.link_seq;
    }
    if (!this.holdAcks) link.send({ lane, ack: { link_seq: this.rx[lane] } });
  }

  #onObject(lane, data) {
    let raw = data.object, payload, salt;
    if (data.sealed.length) {
      if (!sha256(data.sealed).equals(data.oid)) throw new Error("name of a sealed object");
      const parcel = unseal(data.sealed, this.node, this.identity.enc);
      ({ object: raw, payload, salt } = parcel);
    }
    const signed = openSigned(raw, this.kel.ops);
    if (!data.sealed.length && !signed.oid.equals(data.oid)) throw new Error("name of an object");
    const type = bodies[signed.type];
    if (!type) throw new Error(`unexpected ${signed.type}`);
    const body = decode(type, signed.body);
    if (!body.head.node.equals(this.hub.node)) throw new Error("an object of another author");
    if (body.recipient && !body.recipient.equals(this.node)) throw new Error("for another hub");
    if (body.commit?.length && !body.commit.equals(commitOf(salt, payload)))
      throw new Error("payload is not the one committed to");
    const { type: name, oid } = signed;
    this.objects.push({ type: name, lane, body, payload, raw, sealed: data.sealed, oid });
    if (signed.type === types.receipt)
      for (const entry of body.entry) this.receipts.push({ entry, raw, sealed: data.sealed });
    if (signed.type === types.entry) this.hubEntry = body;
  }

  /* ---- what we make ---- */

  /** Head of the next object of a stream. */
  head(stream, days, fields = {}) {
    const key = Buffer.isBuffer(stream) ? stream.toString("hex") : stream;
    const last = this.streams.get(key) ?? { seq: 0 };
    const created = nowS();
    return {
      node: this.node, seq: last.seq + 1, prev: last.prev, created_s: created,
      expires_s: created + days * 86400, stream: Buffer.isBuffer(stream) ? stream : undefined,
      ...fields,
    };
  }
  #signed(stream, type, body, shape) {
    const object = sign(this.identity.op, type, encode(shape, body));
    const key = Buffer.isBuffer(stream) ? stream.toString("hex") : stream;
    this.streams.set(key, { seq: body.head.seq, prev: object.oid });
    return object;
  }

  entry(fields = {}) {
    const created = nowS();
    this.version = (this.version ?? 0) + 1;
    return this.#signed(types.entry, types.entry, {
      head: this.head(types.entry, 90), version: this.version, name: this.name,
      phone: "+33 1 99 00 00 00",
      enc_key: [{
        key: this.identity.enc.public, accept_from_s: created - 60,
        accept_until_s: created + 21 * 86400,
      }],
      ...fields,
    }, DirectoryEntry);
  }

  service(uid, content) {
    return this.#signed(types.service, types.service,
      { head: this.head(types.service, 90), uid, version: 1, content }, Service);
  }

  notice(content = {}, head = {}, uid = crypto.randomBytes(16)) {
    return this.#signed(types.notice, types.notice, {
      head: this.head(types.notice, 7, head), uid, version: 1,
      content: {
        kind: 1, what: "couvertures", quantity: { amount: 5, unit: "couvertures" },
        contact_role: "accueil", status: 1, ...content,
      },
    }, Notice);
  }

  /** REFER with a consent receipt: the signed object and its personal part. */
  refer(service, { need = "cherche un ordinateur", head = {}, event = {} } = {}) {
    const payload = encode(ReferralPayload, {
      person: { name: "A17", contact_preference: 5 }, need, referrer_name: "Accueil",
    });
    const salt = crypto.randomBytes(32), now = nowS();
    const body = {
      head: this.head(`refer ${crypto.randomUUID()}`, 30, head), recipient: this.hub.node,
      action: action.REFER, commit: commitOf(salt, payload),
      refer: {
        service, theme: "numerique", urgency: 1, feedback: 2, answer_due_s: now + 14 * 86400,
        consent: {
          uid: crypto.randomBytes(16), field: ["name", "need"], recipient: this.hub.node,
          purpose: "referral", given_s: now - 60, until_s: now + 80 * 86400, form: 1, feedback: 2,
        },
      },
      ...event,
    };
    const object = sign(this.identity.op, types.referral, encode(ReferralEvent, body));
    this.streams.set(object.oid.toString("hex"), { seq: 1, prev: object.oid });
    return { ...object, payload, salt, expires_s: body.head.expires_s };
  }

  /** A later event of the chain `id`. */
  event(id, code, { seen, fields = {}, personal } = {}) {
    const payload = personal && encode(ReferralPayload, personal);
    const salt = personal && crypto.randomBytes(32);
    const body = {
      head: this.head(id, 30), recipient: this.hub.node, action: code, seen,
      commit: personal && commitOf(salt, payload), ...fields,
    };
    return { ...this.#signed(id, types.referral, body, ReferralEvent), payload, salt,
      expires_s: body.head.expires_s };
  }

  receipt(entries) {
    const created = nowS();
    const object = sign(this.identity.op, types.receipt, encode(Receipt, {
      head: { node: this.node, seq: 1, created_s: created, expires_s: created + 86400 },
      recipient: this.hub.node, entry: entries,
    }));
    return { ...object, expires_s: created + 86400 };
  }

  /** Seals to the hub's newest key. */
  seal(object, { dest = this.hub.node, key = this.hubEntry.enc_key[0].key } = {}) {
    return seal({ object: object.bytes, payload: object.payload, salt: object.salt }, dest, key,
      object.expires_s);
  }

  /* ---- sending ---- */

  data(lane, object) {
    const link_seq = ++this.seq[lane];
    return object.id ? { link_seq, oid: object.id, sealed: object.bytes }
      : { link_seq, oid: object.oid, object: object.bytes };
  }
  /** Objects as one Batch. @return link_seq of the last. */
  send(lane, ...objects) {
    this.link.send({ lane, batch: { data: objects.map((object) => this.data(lane, object)) } });
    return this.seq[lane];
  }
  /** Sends and waits until the hub says that it is durable there. */
  async deliver(lane, ...objects) {
    const last = this.send(lane, ...objects);
    await this.until(`ack of lane ${lane}`, () => this.acked[lane] >= last);
  }
  /** Seals, delivers, and waits for the signed receipt about it. */
  async deliverForReceipt(object, sealed = this.seal(object)) {
    const before = this.receipts.length;
    await this.deliver(1, sealed);
    const found = () => this.receipts.slice(before).find((r) => r.entry.oid.equals(object.oid));
    return this.until("receipt", found);
  }

  /* ---- joining ---- */

  async ask(invite, text = "") {
    this.link.send({ peer_request: { name: this.name, text, invite } });
  }
  /** Both accepted and both STATEs exchanged, with our card and their sealing key in place. */
  async open() {
    await this.until("state of the hub", () => this.state);
    if (!this.version) await this.deliver(2, this.entry());
    await this.until("card of the hub", () => this.hubEntry);
  }
}

/* ---- golden vectors ---- */

function assertEqual(what, got, want) {
  const text = Buffer.isBuffer(got) ? got.toString("hex") : String(got);
  if (text !== String(want)) throw new Error(`${what}: got ${text.slice(0, 200)}, want ${want}`);
}

const repeated = (text) => {
  const [count, , byte] = text.split(" ");
  return Buffer.alloc(Number(count), parseInt(byte, 16));
};

function checkCrypto(v) {
  const root = signKey(repeated(v.root_seed)), next = signKey(repeated(v.next_root_seed));
  const op = signKey(repeated(v.op_seed)), created = Number(v.created_s);
  assertEqual("root_public", root.public, v.root_public);
  assertEqual("op_public", op.public, v.op_public);
  const incept = makeIncept(root, next, repeated(v.inception_nonce), created);
  assertEqual("incept_signed", incept.bytes, v.incept_signed);
  assertEqual("incept_oid", incept.oid, v.incept_oid);
  assertEqual("node_id", incept.node, v.node_id);
  assertEqual("node_id_text", nodeText(incept.node), v.node_id_text);
  const delegate = makeDelegate(root, incept.node, incept.oid, op, created);
  assertEqual("delegate_signed", delegate.bytes, v.delegate_signed);
  assertEqual("delegate_oid", delegate.oid, v.delegate_oid);
  const kel = readKel([incept.bytes, delegate.bytes], incept.node);
  assertEqual("key of the log", kel.ops[0], v.op_public);
  const body = Buffer.from(v.example_body, "hex");
  assertEqual("example_pae", pae(v.example_type, body), v.example_pae);
  const example = sign(op, v.example_type, body);
  assertEqual("example_oid", example.oid, v.example_oid);
  assertEqual("example_signed_by_op", example.bytes, v.example_signed_by_op);
  checkSeal(v, example, incept.node);
}

function checkSeal(v, example, node) {
  const enc = sealKey(repeated(v.enc_secret));
  const salt = repeated(v.parcel_salt), payload = Buffer.from(v.parcel_payload, "hex");
  assertEqual("enc_public", enc.public, v.enc_public);
  assertEqual("enc_key_id", enc.id, v.enc_key_id);
  assertEqual("parcel_commit", commitOf(salt, payload), v.parcel_commit);
  const sealed = seal({ object: example.bytes, payload, salt }, node, enc.public,
    Number(v.sealed_expires_s), sealKey(repeated(v.ephemeral_secret)));
  assertEqual("sealed", sealed.bytes, v.sealed);
  assertEqual("sealed_id", sealed.id, v.sealed_id);
  const parcel = unseal(sealed.bytes, node, enc);
  assertEqual("opened object", parcel.object, v.example_signed_by_op);
  assertEqual("opened payload", parcel.payload, v.parcel_payload);
  /* every gap up to a full bucket: among them those where the length needs a spare group */
  for (let size = 1; size < 1030; size++) {
    const bytes = makeParcel({ object: Buffer.alloc(size) });
    if (bytes.length !== 1024 && bytes.length !== 2048) throw new Error(`parcel of ${size}`);
  }
}

function checkLink(v) {
  const helloDFrame = Buffer.from(v.hello_d_frame, "hex");
  const helloRFrame = Buffer.from(v.hello_r_frame, "hex");
  assertEqual("hello_d again", encode(Frame, decode(Frame, helloDFrame)), v.hello_d_frame);
  assertEqual("hello_r again", encode(Frame, decode(Frame, helloRFrame)), v.hello_r_frame);
  assertEqual("hello_d_sha256", sha256(helloDFrame), v.hello_d_sha256);
  const hex = (name) => Buffer.from(v[name], "hex");
  const t = {
    helloD: helloDFrame, helloR: helloRFrame, offer: v.offer, selected: v.selected,
    dialler: hex("dialler"), responder: hex("responder"), binding: hex("binding"),
  };
  assertEqual("proof_r_signs", transcript("R", t), v.proof_r_signs);
  assertEqual("proof_d_signs", transcript("D", t), v.proof_d_signs);
  readKel(decode(Frame, helloRFrame).hello_r.kel, t.responder);
}

/** Reads, re-encodes and re-signs an object: all three must give the golden bytes. */
function checkObject(what, signedHex, oid, shape, seed) {
  const bytes = Buffer.from(signedHex, "hex"), key = signKey(seed);
  const signed = openSigned(bytes, [key.public]);
  assertEqual(`${what} oid`, signed.oid, oid);
  assertEqual(`${what} envelope`, encode(Signed, decode(Signed, bytes)), signedHex);
  const body = decode(shape, signed.body);
  assertEqual(`${what} body`, encode(shape, body), signed.body.toString("hex"));
  assertEqual(`${what} signature`, sign(key, signed.type, signed.body).bytes, signedHex);
  return body;
}

function checkNotices(v) {
  const seeds = { owner: repeated(v.op_seed_owner), claimant: repeated(v.op_seed_claimant) };
  for (const name of ["notice_v1", "notice_v2", "notice_withdrawn"])
    checkObject(name, v[`${name}_signed`], v[`${name}_oid`], Notice, seeds.owner);
  for (const [name, by] of [["commit", "claimant"], ["agree", "owner"], ["delivered", "claimant"]])
    checkObject(`claim ${name}`, v[`claim_${name}_signed`], v[`claim_${name}_oid`], ClaimEvent,
      seeds[by]);
}

/* (own seq, prev) of both sides, and `seen` naming only what the other side had sent. */
function checkChain(v) {
  const seeds = { sender: repeated(v.op_seed_sender), receiver: repeated(v.op_seed_receiver) };
  const last = { sender: { seq: 0 }, receiver: { seq: 0 } };
  const sent = { sender: [], receiver: [] };
  let id;
  for (const e of v.events) {
    const body = checkObject(e.action, e.signed, e.oid, ReferralEvent, seeds[e.by]);
    const mine = last[e.by], other = e.by === "sender" ? "receiver" : "sender";
    id ??= e.oid;
    if (body.head.seq !== mine.seq + 1 || body.head.prev.toString("hex") !== (mine.prev ?? ""))
      throw new Error(`${e.action}: chain`);
    if (body.head.seq > 1 || e.by === "receiver") assertEqual("stream", body.head.stream, id);
    if (body.seen.length && !sent[other].includes(body.seen.toString("hex")))
      throw new Error(`${e.action}: seen`);
    if (e.payload)
      assertEqual(`${e.action} commit`,
        commitOf(Buffer.from(e.salt, "hex"), Buffer.from(e.payload, "hex")),
        body.commit.toString("hex"));
    last[e.by] = { seq: body.head.seq, prev: e.oid };
    sent[e.by].push(e.oid);
  }
}

/** Throws at the first byte that differs from the golden vectors in `folder`. */
export function checkGolden(folder) {
  const read = (name) => JSON.parse(fs.readFileSync(path.join(folder, `${name}.json`), "utf8"));
  checkCrypto(read("crypto"));
  checkLink(read("link"));
  checkNotices(read("notice"));
  checkChain(read("referral_chain"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  checkGolden(process.argv[2]);
  console.log("golden vectors: the same bytes");
}
