/*
 * The answering side of negentropy version 1, written from the text of the protocol: no package
 * of npm has one that says the same bytes as the reference.
 */
import crypto from "node:crypto";

const INFINITY = (1n << 64n) - 1n;
const [SKIP, FINGERPRINT, ID_LIST] = [0, 1, 2];

function varint(value) {
  const digits = [];
  let rest = BigInt(value);
  do {
    digits.unshift(Number(rest & 127n));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(digits.map((digit, i) => (i < digits.length - 1 ? digit | 128 : digit)));
}

const compare = (a, b) =>
  a.time === b.time ? Buffer.compare(a.id, b.id) : a.time < b.time ? -1 : 1;

export class Answerer {
  /** @param items pairs of a time and a hex id; @param limit bytes of an answer, 0: none */
  constructor(items, limit) {
    this.items = items
      .map(([time, id]) => ({ time: BigInt(time), id: Buffer.from(id, "hex") }))
      .sort(compare);
    this.limit = limit;
  }

  fingerprint(from, to) {
    let sum = 0n;
    for (let i = from; i < to; i++) {
      sum += BigInt("0x" + Buffer.from(this.items[i].id).reverse().toString("hex"));
    }
    const text = (sum % (1n << 256n)).toString(16).padStart(64, "0");
    return crypto
      .createHash("sha256")
      .update(Buffer.from(text, "hex").reverse())
      .update(varint(to - from))
      .digest()
      .subarray(0, 16);
  }

  bound({ time, id }) {
    const delta = time === INFINITY ? 0n : time - this.timeOut + 1n;
    this.timeOut = time;
    return Buffer.concat([varint(delta), varint(id.length), id]);
  }

  list(bound, from, to) {
    const ids = this.items.slice(from, to).map((item) => item.id);
    return Buffer.concat([this.bound(bound), varint(ID_LIST), varint(ids.length), ...ids]);
  }

  /** What is said of a range that differs: its ids when they are few, else sixteen sums. */
  split(from, to, end) {
    const count = to - from;
    if (count < 32) return this.list(end, from, to);
    const parts = [];
    let at = from;
    for (let i = 0; i < 16; i++) {
      const next = at + Math.floor(count / 16) + (i < count % 16 ? 1 : 0);
      parts.push(
        this.bound(next === to ? end : this.between(this.items[next - 1], this.items[next])),
        varint(FINGERPRINT),
        this.fingerprint(at, next),
      );
      at = next;
    }
    return Buffer.concat(parts);
  }

  between(before, after) {
    if (before.time !== after.time) return { time: after.time, id: Buffer.alloc(0) };
    const shared = after.id.findIndex((byte, i) => byte !== before.id[i]);
    return { time: after.time, id: after.id.subarray(0, shared + 1) };
  }

  isFull(size) {
    return this.limit > 0 && size > this.limit - 200;
  }

  /** @param message Buffer; returns the answer. */
  answer(message) {
    let at = 1;
    let timeIn = 0n;
    const takeVarint = () => {
      let value = 0n;
      for (;;) {
        const byte = message[at++];
        value = (value << 7n) | BigInt(byte & 127);
        if (byte < 128) return value;
      }
    };
    const takeBytes = (count) => message.subarray(at, (at += count));
    const takeBound = () => {
      const delta = takeVarint();
      const time = delta === 0n ? INFINITY : timeIn + delta - 1n;
      timeIn = time > INFINITY ? INFINITY : time;
      return { time: timeIn, id: Buffer.from(takeBytes(Number(takeVarint()))) };
    };

    this.timeOut = 0n;
    let out = Buffer.from([0x61]);
    let lower = 0;
    let start = { time: 0n, id: Buffer.alloc(0) };
    let skipping = false;
    while (at < message.length) {
      const end = takeBound();
      const mode = Number(takeVarint());
      let upper = this.items.findIndex((item, i) => i >= lower && compare(item, end) >= 0);
      if (upper < 0) upper = this.items.length;
      let said = Buffer.alloc(0);
      const skip = () => {
        if (!skipping) return Buffer.alloc(0);
        skipping = false;
        return Buffer.concat([this.bound(start), varint(SKIP)]);
      };
      if (mode === SKIP) {
        skipping = true;
      } else if (mode === FINGERPRINT) {
        if (takeBytes(16).equals(this.fingerprint(lower, upper))) skipping = true;
        else said = Buffer.concat([skip(), this.split(lower, upper, end)]);
      } else if (mode === ID_LIST) {
        takeBytes(32 * Number(takeVarint()));
        let cut = lower;
        while (cut < upper && !this.isFull(out.length + 32 * (cut - lower))) cut++;
        out = Buffer.concat([out, skip(), this.list(cut < upper ? this.items[cut] : end, lower, cut)]);
        upper = cut;
      } else {
        throw new Error(`mode ${mode}`);
      }
      if (this.isFull(out.length + said.length)) {
        const rest = this.bound({ time: INFINITY, id: Buffer.alloc(0) });
        return Buffer.concat([
          out,
          rest,
          varint(FINGERPRINT),
          this.fingerprint(upper, this.items.length),
        ]);
      }
      out = Buffer.concat([out, said]);
      lower = upper;
      start = end;
    }
    return out;
  }
}
