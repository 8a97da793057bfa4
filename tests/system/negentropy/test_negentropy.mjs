/*
 * The hub's reconciliation against other implementations of negentropy version 1: as answerer
 * (nostr-tools of npm asks) and as initiator (answerer.mjs answers). In step with them runs the
 * hub's code in the same role, and says the same bytes.
 * Arguments: negentropy_stdio, node_modules.
 */
import { spawn } from "node:child_process";
import crypto from "node:crypto";
import path from "node:path";
import readline from "node:readline";
import { Answerer } from "./answerer.mjs";

const [stdio, modules] = process.argv.slice(2);
const asker = await import(path.join(path.resolve(modules), "nostr-tools/lib/esm/nip77.js"));

/** The hub's code in one role. */
class Hub {
  constructor(items, limit) {
    this.process = spawn(stdio, limit ? [String(limit)] : [], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.lines = readline.createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    this.say(items.map(([time, id]) => `item,${time},${id}`).concat("seal").join("\n"));
  }
  say(line) {
    this.process.stdin.write(line + "\n");
  }
  async answer() {
    const have = [];
    const need = [];
    for (;;) {
      const { value: line, done } = await this.lines.next();
      if (done) throw new Error("negentropy_stdio ended");
      const [kind, text] = line.split(",");
      if (kind === "have") have.push(text);
      else if (kind === "need") need.push(text);
      else return { message: kind === "msg" ? text : null, have, need };
    }
  }
  initiate() {
    this.say("initiate");
    return this.answer();
  }
  reconcile(message) {
    this.say(`msg,${message}`);
    return this.answer();
  }
  end() {
    this.process.stdin.end();
  }
}

/** Same numbers for the same seed. */
function generator(seed) {
  let counter = 0;
  return (label) =>
    crypto.createHash("sha256").update(`${seed}/${label}/${counter++}`).digest();
}

function makeSets({ seed, common, left, right, span }) {
  const next = generator(seed);
  const item = (label) => {
    const bytes = next(label);
    return [1_700_000_000 + (bytes.readUInt32LE(0) % span), next(label).toString("hex")];
  };
  const make = (label, count) => Array.from({ length: count }, () => item(label));
  const both = make("both", common);
  const onlyLeft = make("left", left);
  const onlyRight = make("right", right);
  return {
    mine: [...both, ...onlyLeft],
    theirs: [...both, ...onlyRight],
    have: onlyLeft.map(([, id]) => id).sort(),
    need: onlyRight.map(([, id]) => id).sort(),
  };
}

function same(what, got, wanted) {
  if (got === wanted) return;
  let at = 0;
  while (got?.[at] === wanted?.[at]) at++;
  throw new Error(`${what} differ at ${at >> 1}: ${got?.slice(at, at + 40)} / ${wanted?.slice(at, at + 40)}`);
}

/** nostr-tools asks; the hub answers, and asks in step. */
async function hubAnswers(sets, limit) {
  const storage = new asker.NegentropyStorageVector();
  for (const [time, id] of sets.mine) storage.insert(time, id);
  storage.seal();
  const other = new asker.Negentropy(storage, limit || 10_000_000);
  const hub = new Hub(sets.theirs, limit);
  const twin = new Hub(sets.mine, limit || 10_000_000);
  const have = [];
  const need = [];
  let message = other.initiate();
  same("first messages", (await twin.initiate()).message, message);
  let rounds = 0;
  let bytes = 0;
  while (message !== null) {
    const answer = (await hub.reconcile(message)).message;
    bytes += (message.length + answer.length) / 2;
    rounds++;
    message = other.reconcile(answer, (id) => have.push(id), (id) => need.push(id));
    same(`messages of round ${rounds}`, (await twin.reconcile(answer)).message, message);
    if (rounds > 1000) throw new Error("it does not end");
  }
  hub.end();
  twin.end();
  same("ids only here", have.sort().join(), sets.have.join());
  same("ids only there", need.sort().join(), sets.need.join());
  return { rounds, bytes };
}

/** The hub asks; answerer.mjs answers, and the hub answers in step. */
async function hubAsks(sets, limit) {
  const other = new Answerer(sets.theirs, limit);
  const hub = new Hub(sets.mine, limit);
  const twin = new Hub(sets.theirs, limit);
  const have = [];
  const need = [];
  let { message } = await hub.initiate();
  let rounds = 0;
  while (message !== null) {
    const answer = other.answer(Buffer.from(message, "hex")).toString("hex");
    same(`answers of round ${rounds}`, (await twin.reconcile(message)).message, answer);
    const result = await hub.reconcile(answer);
    have.push(...result.have);
    need.push(...result.need);
    ({ message } = result);
    if (++rounds > 1000) throw new Error("it does not end");
  }
  hub.end();
  twin.end();
  same("ids only here", have.sort().join(), sets.have.join());
  same("ids only there", need.sort().join(), sets.need.join());
  return { rounds };
}

const shapes = [
  { common: 0, left: 0, right: 0, span: 10 },
  { common: 0, left: 1, right: 0, span: 10 },
  { common: 31, left: 1, right: 1, span: 1000 },
  { common: 32, left: 0, right: 3, span: 3 },
  { common: 500, left: 40, right: 0, span: 1 },
  { common: 1000, left: 7, right: 12, span: 100000 },
  { common: 10000, left: 0, right: 10, span: 10000000 },
  { common: 0, left: 0, right: 3000, span: 50 },
  { common: 2000, left: 1500, right: 900, span: 100000 },
];
const limits = [0, 4096, 49152];
let passed = 0;
let failed = 0;
for (const shape of shapes) {
  for (const limit of limits) {
    for (const seed of [1, 2, 3]) {
      const sets = makeSets({ ...shape, seed });
      for (const [name, run] of [
        ["hub answers", hubAnswers],
        ["hub asks", hubAsks],
      ]) {
        const what = `${name}: ${JSON.stringify(shape)} limit ${limit} seed ${seed}`;
        try {
          await run(sets, limit);
          passed++;
        } catch (error) {
          failed++;
          console.log(`FAILED ${what}: ${error.message}`);
        }
      }
    }
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
