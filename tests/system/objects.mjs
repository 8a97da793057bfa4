/* Keys, signed objects, key event logs, node ids, invites and the seal of HFP/1. */
import crypto from "node:crypto";
import {
  KelEvent, Parcel, Sealed, Signed, decode, encode, types, varint,
} from "./wire.mjs";

export const sha256 = (...parts) => {
  const hash = crypto.createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const label = (text) => Buffer.from(text + "\0");

/* ---- keys: node wants DER, the wire has 32 bytes ---- */

const der = {
  ed25519: ["302e020100300506032b657004220420", "302a300506032b6570032100"],
  x25519: ["302e020100300506032b656e04220420", "302a300506032b656e032100"],
};
function privateKey(kind, secret) {
  const key = Buffer.concat([Buffer.from(der[kind][0], "hex"), secret]);
  return crypto.createPrivateKey({ key, format: "der", type: "pkcs8" });
}
function publicKey(kind, bytes) {
  const key = Buffer.concat([Buffer.from(der[kind][1], "hex"), bytes]);
  return crypto.createPublicKey({ key, format: "der", type: "spki" });
}
const rawPublic = (key) =>
  crypto.createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);

export function signKey(seed = crypto.randomBytes(32)) {
  const key = privateKey("ed25519", seed);
  return { key, public: rawPublic(key), sign: (bytes) => crypto.sign(null, bytes, key) };
}
export const verify = (publicBytes, bytes, sig) =>
  crypto.verify(null, bytes, publicKey("ed25519", publicBytes), sig);

export function sealKey(secret = crypto.randomBytes(32)) {
  const key = privateKey("x25519", secret);
  const bytes = rawPublic(key);
  return { key, public: bytes, id: sha256(bytes).subarray(0, 16) };
}
const agree = (secretKey, publicBytes) =>
  crypto.diffieHellman({ privateKey: secretKey, publicKey: publicKey("x25519", publicBytes) });

/* ---- signed objects ---- */

/** DSSE v1 pre-authentication encoding. */
export const pae = (type, body) =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `), body]);
export const oidOf = (type, body) => sha256(label("hfp/oid/v1"), pae(type, body));

export function sign(key, type, body) {
  const sig = key.sign(pae(type, body));
  const bytes = encode(Signed, {
    suite: 1, type, body, sig: [{ key_hint: key.public.subarray(0, 8), sig }],
  });
  return { bytes, oid: oidOf(type, body), type, body };
}

/** Reads a Signed and requires a signature by one of `keys`. */
export function openSigned(bytes, keys) {
  const signed = decode(Signed, bytes);
  const message = pae(signed.type, signed.body);
  if (signed.suite !== 1) throw new Error("suite");
  if (!keys.some((key) => signed.sig.some((s) => verify(key, message, s.sig))))
    throw new Error(`${signed.type}: no valid signature`);
  return { ...signed, oid: oidOf(signed.type, signed.body) };
}

/* ---- identity ---- */

const DELEGATION_S = 400 * 86400;
export const nowS = () => Math.floor(Date.now() / 1000);

export function makeIncept(root, nextRoot, nonce, createdS) {
  const body = encode(KelEvent, {
    head: { seq: 1, created_s: createdS },
    incept: {
      root: [root.public], threshold: 1, next_root_hash: [sha256(nextRoot.public)],
      next_threshold: 1, nonce,
    },
  });
  return { ...sign(root, types.kel, body), node: sha256(label("hfp/node/v1"), pae(types.kel, body)) };
}

export function makeDelegate(root, node, prev, op, createdS, seq = 2) {
  return sign(root, types.kel, encode(KelEvent, {
    head: { node, seq, prev, created_s: createdS },
    delegate: { op: op.public, not_after_s: createdS + DELEGATION_S },
  }));
}

/** A fresh organisation: root, next root, one online key, one sealing key. */
export function makeIdentity() {
  const root = signKey(), op = signKey(), created = nowS();
  const incept = makeIncept(root, signKey(), crypto.randomBytes(16), created);
  const delegate = makeDelegate(root, incept.node, incept.oid, op, created);
  return {
    root, op, enc: sealKey(), node: incept.node, kel: [incept.bytes, delegate.bytes],
    kelHead: delegate.oid,
  };
}

/** Online keys that a log of INCEPT and DELEGATE events certifies; throws when it does not hold. */
export function readKel(events, node) {
  let root, head;
  const ops = [];
  events.forEach((bytes, i) => {
    const signed = decode(Signed, bytes);
    const event = decode(KelEvent, signed.body);
    if (signed.type !== types.kel || event.head.seq !== i + 1) throw new Error("key event order");
    if (i === 0) {
      if (!sha256(label("hfp/node/v1"), pae(signed.type, signed.body)).equals(node))
        throw new Error("key event log of another node");
      root = event.incept.root;
    } else if (!event.head.prev.equals(head) || !event.head.node.equals(node)) {
      throw new Error("key event chain");
    }
    head = openSigned(bytes, root).oid;
    if (event.delegate) ops.push(event.delegate.op);
  });
  return { ops, head };
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
export function base32(bytes) {
  let bits = 0, value = 0, out = "";
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 5; bits -= 5) out += ALPHABET[(value >> (bits - 5)) & 31];
  }
  return bits ? out + ALPHABET[(value << (5 - bits)) & 31] : out;
}
export function unbase32(text) {
  let bits = 0, value = 0;
  const out = [];
  for (const c of text) {
    value = ((value << 5) | ALPHABET.indexOf(c)) & 0xffff;
    bits += 5;
    if (bits >= 8) out.push((value >> (bits -= 8)) & 0xff);
  }
  return Buffer.from(out);
}
export function nodeText(node) {
  const check = sha256(label("hfp/check/v1"), node).readUInt16BE(0);
  return base32(node) + ALPHABET[check >> 11] + ALPHABET[(check >> 6) & 31];
}

/** maillon:1/NODE?r=ROUTE&e=EXPIRY#SECRET+CHECK */
export function readInvite(text) {
  const match = /^maillon:1\/([a-z2-7]{54})\?(.*)#([a-z2-7]{26})([a-z2-7]{4})$/.exec(text);
  if (!match) throw new Error("not an invite");
  if (base32(sha256(Buffer.from(text.slice(0, -4)))).slice(0, 4) !== match[4])
    throw new Error("check characters of the invite");
  const node = unbase32(match[1].slice(0, 52)).subarray(0, 32);
  if (nodeText(node) !== match[1]) throw new Error("check characters of the node id");
  const query = match[2].split("&").map((pair) => [pair[0], decodeURIComponent(pair.slice(2))]);
  return {
    node, secret: unbase32(match[3]).subarray(0, 16),
    routes: query.filter(([key]) => key === "r").map(([, value]) => value),
    expires_s: Number(query.find(([key]) => key === "e")[1]),
  };
}
export function writeInvite({ node, secret, routes, expires_s }) {
  const query = routes.map((route) => `r=${route.replaceAll("%", "%25")}&`).join("");
  const text = `maillon:1/${nodeText(node)}?${query}e=${expires_s}#${base32(secret)}`;
  return text + base32(sha256(Buffer.from(text))).slice(0, 4);
}

/* ---- the seal: HPKE base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180) ---- */

const KEM = Buffer.from("KEM\x00\x20", "latin1");
const SUITE = Buffer.from("HPKE\x00\x20\x00\x01\x00\x03", "latin1");
const hmac = (key, data) => crypto.createHmac("sha256", key).update(data).digest();
const none = Buffer.alloc(0);
const extract = (suite, salt, name, ikm) =>
  hmac(salt.length ? salt : Buffer.alloc(32),
    Buffer.concat([Buffer.from("HPKE-v1"), suite, Buffer.from(name), ikm]));
function expand(suite, prk, name, info, length) {
  const size = Buffer.from([length >> 8, length & 0xff]);
  const labelled = Buffer.concat([size, Buffer.from("HPKE-v1"), suite, Buffer.from(name), info]);
  let out = none;
  for (let i = 1, block = none; out.length < length; i++) {
    block = hmac(prk, Buffer.concat([block, labelled, Buffer.from([i])]));
    out = Buffer.concat([out, block]);
  }
  return out.subarray(0, length);
}
function schedule(dh, enc, recipient, info) {
  const prk = extract(KEM, none, "eae_prk", dh);
  const shared = expand(KEM, prk, "shared_secret", Buffer.concat([enc, recipient]), 32);
  const context = Buffer.concat([
    Buffer.from([0]), extract(SUITE, none, "psk_id_hash", none),
    extract(SUITE, none, "info_hash", info),
  ]);
  const secret = extract(SUITE, shared, "secret", none);
  return [expand(SUITE, secret, "key", context, 32), expand(SUITE, secret, "base_nonce", context, 12)];
}
const AEAD = "chacha20-poly1305";

function sealContext(dest, keyId, expiresS) {
  const aad = Buffer.alloc(60);
  aad.writeUInt32LE(1, 0);
  dest.copy(aad, 4);
  keyId.copy(aad, 36);
  aad.writeBigUInt64LE(BigInt(expiresS), 52);
  return [Buffer.concat([Buffer.from("hfp/seal/v1"), dest, keyId]), aad];
}

/** Parcel bytes of exactly 1, 2, 4 … 256 KiB. */
export function makeParcel({ object, payload = none, salt = none }) {
  const content = encode(Parcel, { object, payload, salt });
  let bucket = 1024;
  while (bucket < content.length || bucket - content.length === 1) bucket *= 2;
  if (bucket === content.length) return content;
  const gap = bucket - content.length;
  let lengthBytes = 1;
  while (varint(gap - 1 - lengthBytes).length > lengthBytes) lengthBytes++;
  const size = varint(gap - 1 - lengthBytes);
  /* A length one byte short is written with a spare zero group. */
  const length = size.length === lengthBytes ? size
    : Buffer.concat([size.map((b, i) => (i === size.length - 1 ? b | 0x80 : b)), Buffer.from([0])]);
  return Buffer.concat([content, Buffer.from([4 << 3 | 2]), length,
    Buffer.alloc(gap - 1 - lengthBytes)]);
}

export function sealBytes(plain, dest, destKey, expiresS, ephemeral = sealKey()) {
  const keyId = sha256(destKey).subarray(0, 16);
  const [info, aad] = sealContext(dest, keyId, expiresS);
  const dh = agree(ephemeral.key, destKey);
  const [key, nonce] = schedule(dh, ephemeral.public, destKey, info);
  const cipher = crypto.createCipheriv(AEAD, key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad, { plaintextLength: plain.length });
  const ct = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const bytes = encode(Sealed, {
    suite: 1, dest, enc_key_id: keyId, expires_s: expiresS, enc: ephemeral.public, ct,
  });
  return { bytes, id: sha256(bytes) };
}
export const seal = (parcel, dest, destKey, expiresS, ephemeral) =>
  sealBytes(makeParcel(parcel), dest, destKey, expiresS, ephemeral);

/** Opens with the one sealing key `enc` of node `self`. */
export function unseal(bytes, self, enc) {
  const sealed = decode(Sealed, bytes);
  if (!sealed.dest.equals(self)) throw new Error("sealed to another hub");
  if (!sealed.enc_key_id.equals(enc.id)) throw new Error("sealed to another key");
  const [info, aad] = sealContext(sealed.dest, sealed.enc_key_id, sealed.expires_s);
  const [key, nonce] = schedule(agree(enc.key, sealed.enc), sealed.enc, enc.public, info);
  const decipher = crypto.createDecipheriv(AEAD, key, nonce, { authTagLength: 16 });
  const size = sealed.ct.length - 16;
  decipher.setAAD(aad, { plaintextLength: size });
  decipher.setAuthTag(sealed.ct.subarray(size));
  const plain = Buffer.concat([decipher.update(sealed.ct.subarray(0, size)), decipher.final()]);
  if (plain.length < 1024 || (plain.length & (plain.length - 1)) !== 0) throw new Error("bucket");
  const parcel = decode(Parcel, plain);
  if (parcel.padding.some((byte) => byte !== 0)) throw new Error("padding is not zero");
  return parcel;
}
export const commitOf = (salt, payload) => sha256(salt, payload);

/* ---- the transcript of a link ---- */

export function transcript(role, { helloD, helloR, offer, selected, dialler, responder, binding }) {
  const fields = [Buffer.from(role), sha256(helloD), sha256(helloR), Buffer.from(offer),
    Buffer.from(selected), role === "D" ? dialler : none, responder, binding];
  const out = [];
  for (const value of fields) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(value.length);
    out.push(length, value);
  }
  return pae(types.proof, Buffer.concat(out));
}
