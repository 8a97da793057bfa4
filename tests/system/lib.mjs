/* What the system tests stand on: hubs in a temporary folder, hubctl, polling, the count at the end. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { Peer } from "./peer.mjs";
import { readInvite } from "./objects.mjs";

export const root = fs.mkdtempSync(path.join(os.tmpdir(), "maillon-"));
/** How much more time and memory a program may take: the sanitizers cost both. */
export const slowness = (program) => (fs.readFileSync(program).includes("__asan_init") ? 4 : 1);
const children = new Set();
/* Freed memory that ASan keeps to catch late use would count as growth. */
const env = { ...process.env };
env.ASAN_OPTIONS = [env.ASAN_OPTIONS, "quarantine_size_mb=8"].filter(Boolean).join(":");

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks every 20 ms until `condition` gives something; the reason is in the error. */
export async function until(what, condition, ms = 30000) {
  const end = Date.now() + ms;
  for (let last = ""; ; await pause(20)) {
    try {
      const value = await condition();
      if (value) return value;
    } catch (error) {
      last = `: ${error.message}`;
    }
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}${last}`);
  }
}

export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs a program to its end. @return {status, out, err}; status is the signal's name when killed. */
export function run(program, args, { input, timeoutMs = 60000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    children.add(child);
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    let out = "", err = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      children.delete(child);
      resolve({ status: signal ?? code, out, err });
    });
  });
}

export class Hub {
  /** `options` are lines of hub.ini. */
  static async make(programs, name, options = {}) {
    const hub = new Hub();
    Object.assign(hub, { ...programs, name, dir: path.join(root, name), log: [] });
    hub.port = await freePort();
    hub.url = `wss://127.0.0.1:${hub.port}`;
    const made = await run(hub.hubctl, ["init", "--name", name, "--state", hub.dir, "--listen",
      `127.0.0.1:${hub.port}`, "--url", hub.url, "--sheets", path.join(root, `${name}.sheets`)]);
    if (made.status !== 0) throw new Error(`hubctl init: ${made.err}`);
    const lines = Object.entries(options).map(([key, value]) => `${key} = ${value}\n`);
    fs.mkdirSync(path.join(hub.dir, "conf.d"), { recursive: true });
    fs.writeFileSync(path.join(hub.dir, "conf.d", "test.ini"), lines.join(""));
    return hub;
  }

  async start() {
    this.process = spawn(this.hubd, ["--state", this.dir],
      { env, stdio: ["ignore", "ignore", "pipe"] });
    children.add(this.process);
    const child = this.process;
    let rest = "";
    child.stderr.on("data", (data) => {
      const lines = (rest + data).split("\n");
      rest = lines.pop();
      this.log.push(...lines);
    });
    child.ended = new Promise((resolve) => child.once("close", (code, signal) => {
      children.delete(child);
      resolve(signal ?? code);
    }));
    const from = this.log.length;
    await until(`${this.name} starts`, () => {
      if (child.exitCode !== null) throw new Error(`ended: ${this.log.slice(from).join("\n")}`);
      return this.log.slice(from).some((line) => line.includes("ready listen="));
    });
    return this;
  }
  async stop() {
    this.process.kill("SIGTERM");
    const status = await this.process.ended;
    if (status === 0) return;
    throw new Error(`${this.name} ended with ${status}:\n${this.log.slice(-20).join("\n")}`);
  }
  kill() {
    this.process.kill("SIGKILL");
    return this.process.ended;
  }
  get isAlive() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** hubctl; throws when it fails. A leading {user} speaks for somebody. */
  async ctl(...args) {
    const ret = await this.tryCtl(...args);
    if (ret.status !== 0) throw new Error(`hubctl ${args.join(" ")}: ${ret.err.trim()}`);
    return ret.out.trim().startsWith("{") ? JSON.parse(ret.out) : ret.out;
  }
  tryCtl(...args) {
    const user = typeof args[0] === "object" ? ["--user", args.shift().user] : [];
    return run(this.hubctl, ["--hub", this.dir, ...user, "--json", ...args]);
  }

  rssKb() {
    const status = fs.readFileSync(`/proc/${this.process.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)[1]);
  }
  openFiles() {
    return fs.readdirSync(`/proc/${this.process.pid}/fd`).length;
  }
  /** Log lines from `mark` on that hold `part`. */
  lines(part, mark = 0) {
    return this.log.slice(mark).filter((line) => line.includes(part));
  }
  get mark() {
    return this.log.length;
  }

  async invite() {
    return (await this.ctl("peer", "invite")).invite;
  }
  /** A peer of tests that joined by invite and was accepted, with referrals switched on. */
  async befriend(name, options) {
    const invite = readInvite(await this.invite());
    const peer = new Peer(name, { node: invite.node, port: this.port });
    await peer.connect(options);
    await peer.ask(invite.secret, `bonjour, ici ${name}`);
    await peer.until("our request is waiting", () => peer.decision);
    await this.ctl("peer", "accept", name);
    await peer.open();
    await this.ctl("peer", "policy", name, "referrals=on");
    return peer;
  }
  async peer(name) {
    return this.ctl("peer", "show", name);
  }
}

/* ---- cases ---- */

let passed = 0, failed = 0;

/** One case: a sentence, and what must not throw. */
export async function test(sentence, body) {
  const began = Date.now();
  try {
    await body();
    passed++;
    console.log(`ok: ${sentence} (${Date.now() - began} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAILED: ${sentence}\n  ${error.stack}`);
  }
}

export function equal(what, got, want) {
  const text = (v) => (Buffer.isBuffer(v) ? v.toString("hex") : JSON.stringify(v));
  if (text(got) !== text(want)) throw new Error(`${what}: got ${text(got)}, want ${text(want)}`);
}
export function holds(what, condition) {
  if (!condition) throw new Error(what);
}

/** Ends what is left, removes the folder, prints the count. `body` runs all cases. */
export async function main(body) {
  const clean = () => {
    for (const child of children) child.kill("SIGKILL");
    fs.rmSync(root, { recursive: true, force: true });
  };
  process.once("SIGTERM", () => {
    clean();
    process.exit(1);
  });
  try {
    await body();
  } catch (error) {
    failed++;
    console.log(`FAILED: the test itself\n  ${error.stack}`);
  }
  clean();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
