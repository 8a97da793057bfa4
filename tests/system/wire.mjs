/*
 * Protobuf by hand, and the messages of HFP/1 as far as the tests need them. Written from
 * proto/README.md and the .proto files alone, so that it errs in other places than protobuf-c.
 */

const VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5;

export function varint(value) {
  let v = BigInt(value);
  if (v < 0n) v = BigInt.asUintN(64, v);
  const out = [];
  do {
    out.push(Number(v & 0x7fn) | (v > 0x7fn ? 0x80 : 0));
    v >>= 7n;
  } while (v > 0n);
  return Buffer.from(out);
}

export function readVarint(buffer, at) {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (at >= buffer.length) throw new Error("number cut short");
    const byte = buffer[at++];
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
  throw new Error("number too long");
}

export const tag = (number, wire) => varint((number << 3) | wire);
/** One length-delimited field, whatever is in it. */
export const field = (number, bytes) =>
  Buffer.concat([tag(number, LENGTH), varint(bytes.length), bytes]);
export const numberField = (number, value) => Buffer.concat([tag(number, VARINT), varint(value)]);

const narrow = (v) => (v <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(v) : v);
const zigzag = (v) => (v < 0 ? -2 * v - 1 : 2 * v);
const unzigzag = (v) => (v % 2 ? -(v + 1) / 2 : v / 2);

const scalars = {
  uint: { write: varint, read: narrow, empty: (v) => v === 0 || v === 0n },
  bool: { write: (v) => varint(v ? 1 : 0), read: (v) => v !== 0n, empty: (v) => !v },
  sint: { write: (v) => varint(zigzag(v)), read: (v) => unzigzag(Number(v)), empty: (v) => v === 0 },
};

/** fields: name: [number, "uint" | "bool" | "sint" | "bytes" | "text" | message, "repeated"?]. */
export function message(fields) {
  const list = Object.entries(fields)
    .map(([name, [number, type, repeated]]) => ({ name, number, type, repeated: !!repeated }))
    .sort((a, b) => a.number - b.number);
  return { list, byNumber: new Map(list.map((f) => [f.number, f])) };
}

function encodeLength(type, value) {
  if (type === "bytes") return Buffer.from(value);
  return type === "text" ? Buffer.from(value, "utf8") : encode(type, value);
}

export function encode(type, value) {
  const out = [];
  for (const { name, number, type: kind, repeated } of type.list) {
    const v = value[name];
    if (v === undefined || v === null) continue;
    const scalar = scalars[kind];
    if (scalar && repeated) {
      if (v.length) out.push(field(number, Buffer.concat(v.map(scalar.write))));
    } else if (scalar) {
      if (!scalar.empty(v)) out.push(tag(number, VARINT), scalar.write(v));
    } else if (repeated) {
      for (const item of v) out.push(field(number, encodeLength(kind, item)));
    } else if (typeof kind === "object" || v.length) {
      out.push(field(number, encodeLength(kind, v)));
    }
  }
  return Buffer.concat(out);
}

function decodeLength(type, bytes) {
  if (type === "bytes") return Buffer.from(bytes);
  return type === "text" ? bytes.toString("utf8") : decode(type, bytes);
}

function takeValue(buffer, at, wire) {
  if (wire === VARINT) return readVarint(buffer, at);
  let length = wire === FIXED64 ? 8 : 4;
  if (wire === LENGTH) {
    [length, at] = readVarint(buffer, at);
    length = Number(length);
  } else if (wire !== FIXED64 && wire !== FIXED32) {
    throw new Error(`wire type ${wire}`);
  }
  if (at + length > buffer.length) throw new Error("field cut short");
  return [buffer.subarray(at, at + length), at + length];
}

/** Absent fields have their proto3 default; absent messages are undefined. */
export function decode(type, buffer) {
  const ret = {};
  for (const { name, type: kind, repeated } of type.list) {
    if (repeated) ret[name] = [];
    else if (kind === "bytes") ret[name] = Buffer.alloc(0);
    else if (kind === "text") ret[name] = "";
    else if (scalars[kind]) ret[name] = kind === "bool" ? false : 0;
  }
  for (let at = 0; at < buffer.length; ) {
    let key, raw;
    [key, at] = readVarint(buffer, at);
    [raw, at] = takeValue(buffer, at, Number(key & 7n));
    const known = type.byNumber.get(Number(key >> 3n));
    if (!known) continue;
    const scalar = scalars[known.type];
    if (scalar && Buffer.isBuffer(raw)) {
      for (let i = 0, v; i < raw.length; ret[known.name].push(scalar.read(v)))
        [v, i] = readVarint(raw, i);
    } else {
      const v = scalar ? scalar.read(raw) : decodeLength(known.type, raw);
      if (known.repeated) ret[known.name].push(v);
      else ret[known.name] = v;
    }
  }
  return ret;
}

/* ---- object.proto ---- */

export const Sig = message({ key_hint: [1, "bytes"], sig: [2, "bytes"] });
export const Signed = message({
  suite: [1, "uint"], type: [2, "text"], body: [3, "bytes"], sig: [4, Sig, "repeated"],
});
export const Head = message({
  node: [1, "bytes"], incarnation: [2, "uint"], stream: [3, "bytes"], seq: [4, "uint"],
  prev: [5, "bytes"], created_s: [6, "uint"], expires_s: [7, "uint"], scope: [8, "bytes"],
  critical: [9, "uint", "repeated"],
});
export const Sealed = message({
  suite: [1, "uint"], dest: [2, "bytes"], enc_key_id: [3, "bytes"], expires_s: [4, "uint"],
  enc: [5, "bytes"], ct: [6, "bytes"],
});
export const Parcel = message({
  object: [1, "bytes"], payload: [2, "bytes"], salt: [3, "bytes"], padding: [4, "bytes"],
});

/* ---- keys.proto ---- */

export const Incept = message({
  root: [1, "bytes", "repeated"], threshold: [2, "uint"], next_root_hash: [3, "bytes", "repeated"],
  next_threshold: [4, "uint"], nonce: [5, "bytes"],
});
export const Delegate = message({ op: [1, "bytes"], not_after_s: [2, "uint"] });
export const KelEvent = message({ head: [1, Head], incept: [2, Incept], delegate: [4, Delegate] });

/* ---- link.proto ---- */

export const Limits = message({ frame_bytes: [1, "uint"], window_objects: [2, "uint"] });
export const HelloD = message({
  nonce: [1, "bytes"], versions: [2, "uint", "repeated"], features: [3, "uint"],
  limits: [4, Limits], clock_ms: [5, "uint"], responder: [6, "bytes"],
});
export const HelloR = message({
  node: [1, "bytes"], nonce: [2, "bytes"], versions: [3, "uint", "repeated"],
  features: [4, "uint"], limits: [5, Limits], clock_ms: [6, "uint"],
  kel: [7, "bytes", "repeated"], kel_head: [8, "bytes"],
});
export const Proof = message({
  node: [1, "bytes"], sig: [2, "bytes"], op: [3, "bytes"], kel: [4, "bytes", "repeated"],
  kel_head: [5, "bytes"],
});
export const Cursor = message({ lane: [1, "uint"], link_seq: [2, "uint"] });
export const State = message({
  incarnation: [1, "uint"], rx: [2, Cursor, "repeated"], kel_head: [3, "bytes"],
  clock_ms: [4, "uint"], credit: [5, "uint", "repeated"],
});
export const Data = message({
  link_seq: [1, "uint"], hops_left: [2, "uint"], oid: [3, "bytes"], part: [4, "uint"],
  parts: [5, "uint"], sealed: [6, "bytes"], object: [7, "bytes"],
});
export const Batch = message({ data: [1, Data, "repeated"] });
export const Frame = message({
  lane: [1, "uint"],
  hello_d: [2, HelloD],
  hello_r: [3, HelloR],
  proof: [4, Proof],
  state: [5, State],
  batch: [6, Batch],
  ack: [7, message({ link_seq: [1, "uint"] })],
  credit: [8, message({ objects: [1, "uint"] })],
  peer_request: [9, message({
    name: [1, "text"], text: [2, "text"], invite: [3, "bytes"], route: [4, "text", "repeated"],
  })],
  peer_answer: [10, message({ decision: [1, "uint"], name: [2, "text"] })],
  err: [11, message({
    code: [1, "uint"], link_seq: [2, "uint"], oid: [3, "bytes"], retry_after_s: [4, "uint"],
  })],
  ping: [12, message({ nonce: [1, "uint"] })],
  pong: [13, message({ nonce: [1, "uint"] })],
  bye: [14, message({ reason: [1, "uint"], retry_after_s: [2, "uint"] })],
});

/* ---- receipt.proto, referral.proto, notice.proto, directory.proto ---- */

export const ReceiptEntry = message({
  oid: [1, "bytes"], state: [2, "uint"], code: [3, "uint"], permanent: [4, "bool"],
  retry_after_s: [5, "uint"], chain_head: [6, "bytes"], pending: [7, "bool"],
});
export const Receipt = message({
  head: [1, Head], recipient: [2, "bytes"], entry: [3, ReceiptEntry, "repeated"],
});
export const Consent = message({
  uid: [1, "bytes"], field: [2, "text", "repeated"], recipient: [3, "bytes"], purpose: [4, "text"],
  given_s: [5, "uint"], until_s: [6, "uint"], form: [7, "uint"], feedback: [8, "uint"],
});
export const Refer = message({
  service: [1, "text"], theme: [2, "text"], urgency: [3, "uint"], feedback: [4, "uint"],
  consent: [5, Consent], answer_due_s: [6, "uint"], part_of: [7, "bytes"], exercise: [8, "bool"],
});
export const ReferralEvent = message({
  head: [1, Head], recipient: [2, "bytes"], action: [3, "uint"], seen: [4, "bytes"],
  commit: [5, "bytes"], on_behalf: [6, "uint"], refer: [7, Refer], business_status: [8, "uint"],
  reason: [9, "text"], barrier: [10, "text"], outcome: [11, "text"], review_s: [12, "uint"],
  wait_weeks: [13, "uint"], wait_place: [14, "uint"], at_s: [15, "uint"],
  suggested_service: [16, "text", "repeated"], confirms: [17, "bool"], purged: [18, "text"],
});
export const Person = message({
  name: [1, "text"], contact: [2, "text"], contact_preference: [3, "uint"], language: [4, "text"],
});
export const ReferralPayload = message({
  person: [1, Person], need: [2, "text"], contact_name: [4, "text"], contact_phone: [5, "text"],
  next_step: [6, "text"], text: [7, "text"], referrer_name: [9, "text"],
  referrer_phone: [10, "text"],
});
export const Quantity = message({ amount: [1, "uint"], unit: [2, "text"] });
export const NoticeContent = message({
  kind: [1, "uint"], what: [2, "text"], detail: [3, "text"], theme: [4, "text"],
  quantity: [5, Quantity], commune: [6, "text"], place: [7, "text"], latitude_e4: [8, "sint"],
  longitude_e4: [9, "sint"], contact_role: [15, "text"], first_come: [16, "bool"],
  status: [18, "uint"], committed: [19, "uint"], delivered: [20, "uint"],
});
export const Notice = message({
  head: [1, Head], uid: [2, "bytes"], version: [3, "uint"], content: [4, NoticeContent],
  withdraw_reason: [5, "text"],
});
export const ClaimEvent = message({
  head: [1, Head], recipient: [2, "bytes"], action: [3, "uint"], seen: [4, "bytes"],
  notice_uid: [5, "bytes"], notice_version: [6, "uint"], quantity: [7, "uint"],
  reason: [8, "text"], commit: [11, "bytes"],
});
export const EncKey = message({
  key: [1, "bytes"], accept_from_s: [2, "uint"], accept_until_s: [3, "uint"],
});
export const DirectoryEntry = message({
  head: [1, Head], version: [2, "uint"], name: [3, "text"], phone: [5, "text"],
  commune: [6, "text"], route: [7, "text", "repeated"], tls_proxied: [8, "bool"],
  enc_key: [9, EncKey, "repeated"], description: [10, "text"],
});
export const ServiceContent = message({
  name: [1, "text"], description: [2, "text"], structure_name: [3, "text"],
  theme: [5, "text", "repeated"], reach: [11, "text", "repeated"], commune: [18, "text"],
});
export const Service = message({
  head: [1, Head], uid: [2, "text"], version: [3, "uint"], content: [4, ServiceContent],
});

/** Media types and the lane each belongs on. */
export const types = {
  kel: "application/vnd.maillon.kel-event.v1",
  proof: "application/vnd.maillon.link-proof.v1",
  receipt: "application/vnd.maillon.receipt.v1",
  referral: "application/vnd.maillon.referral-event.v1",
  claim: "application/vnd.maillon.claim-event.v1",
  notice: "application/vnd.maillon.notice.v1",
  entry: "application/vnd.maillon.directory-entry.v1",
  service: "application/vnd.maillon.service.v1",
};
