#!/usr/bin/env node
/*
 * What hubd cannot start or go on with: each gives one line that says what to do and exit status 1
 * (2 for wrong usage), and nothing is lost: once it is put right, the hub serves what it had.
 * Arguments: hubd, hubctl.
 */
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { STORED } from "./peer.mjs";
import { Hub, equal, holds, main, root, run, test, until } from "./lib.mjs";

const [hubd, hubctl] = process.argv.slice(2);
const lea = { user: "lea" };
let hub, posted;

const file = (name) => path.join(hub.dir, name);
const post = (there, what) => there.tryCtl(lea, "notice", "post", "--kind", "shortage", "--what",
  what, "--quantity", "12", "--until", "7d", "--contact-role", "accueil");

/** hubd refuses with `status` and one line that holds every part of `says`. */
async function refuses(says, { status = 1, state = hub.dir, args = [] } = {}) {
  const ret = await run(hubd, ["--state", state, ...args]);
  const lines = ret.err.trim().split("\n");
  equal("exit status", ret.status, status);
  equal(`lines: ${ret.err}`, lines.length, 1);
  for (const part of says) holds(`no "${part}" in: ${lines[0]}`, lines[0].includes(part));
}
async function servesWhatItHad() {
  await hub.start();
  equal("the notice", (await hub.ctl(lea, "notice", "show", posted)).asked, 12);
  await hub.stop();
}

/** A case: `spoil` makes it wrong, the hub refuses, `repair` puts it right, nothing was lost. */
function refusal(sentence, says, spoil, repair, options) {
  return test(sentence, async () => {
    const undo = await spoil();
    try {
      await refuses(says, options);
    } finally {
      await repair?.(undo);
    }
    await servesWhatItHad();
  });
}

/** Takes a file away and gives the way to put it back as it was. */
function away(name) {
  const kept = `${file(name)}.kept`;
  fs.renameSync(file(name), kept);
  return () => {
    fs.rmSync(file(name), { force: true });
    fs.renameSync(kept, file(name));
  };
}
function replaced(name, content) {
  const back = away(name);
  fs.writeFileSync(file(name), content, { mode: 0o600 });
  return back;
}
const back = (undo) => undo();
const sql = async (database, text) => {
  const ret = await run("sqlite3", [database, text]);
  equal("sqlite3", [ret.status, ret.err], [0, ""]);
};

async function configuration() {
  await test("a state directory that is not there", () =>
    refuses(["run hubctl init"], { state: path.join(root, "nowhere") }));
  await test("an option of the command line that does not exist", async () => {
    const ret = await run(hubd, ["--colour", "red"]);
    equal("exit status", ret.status, 2);
    holds(ret.err, ret.err.includes("--help"));
  });
  const conf = (text) => () => {
    fs.writeFileSync(file("conf.d/zz.ini"), text);
    return () => fs.rmSync(file("conf.d/zz.ini"));
  };
  await refusal("an option in a file that does not exist", ["conf.d/zz.ini:2", 'unknown option "colour"'],
    conf("# mine\ncolour = red\n"), back);
  await refusal("a value that is none", ["ping-s must be a whole number"], conf("ping-s = soon\n"), back);
  await refusal("an address that is none", ["listen is address:port"], conf("listen = here\n"), back);
  await refusal("no TLS beyond loopback", ["without TLS", "set tls-certificate"],
    conf("listen = 0.0.0.0:0\ntls-certificate =\n"), back);
  await refusal("a port in use", [`port ${hub.port} is in use`, "set another port"], async () => {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(hub.port, "127.0.0.1", resolve));
    return () => new Promise((resolve) => server.close(resolve));
  }, back);
}

async function keys() {
  await refusal("a key that others can read", ["op.key", "chmod 600"], () => {
    fs.chmodSync(file("op.key"), 0o644);
  }, () => fs.chmodSync(file("op.key"), 0o600));
  for (const name of ["op.key", "hub.key", "kel"])
    await refusal(`${name} is missing`, [name, "restore it from the backup"], () => away(name), back);
  await refusal("no sealing key", ["no sealing key"], () => {
    const backs = fs.readdirSync(hub.dir).filter((n) => /^enc-.*\.key$/.test(n)).map(away);
    return () => backs.forEach((b) => b());
  }, back);
  await refusal("a key file cut short", ["op.key", "restore it from the backup"],
    () => replaced("op.key", fs.readFileSync(file("op.key")).subarray(0, 40)), back);
  await refusal("the certificate is missing", ["tls.crt"], () => away("tls.crt"), back);
  await refusal("a certificate that is none", ["tls.crt", "PEM"],
    () => replaced("tls.crt", "hello\n"), back);
}

async function databases() {
  await refusal("the database of another application", ["another application", "move it away"],
    async () => {
      const undo = away("hub.db");
      await sql(file("hub.db"), "PRAGMA application_id = 77; CREATE TABLE t (x);");
      return undo;
    }, back);
  await refusal("a file that is no database", ["not a database", "move it away"],
    () => replaced("hub.db", "This is a letter, not a database.\n".repeat(40)), back);
  await refusal("a database of a newer hubd", ["schema 999", "hubd 9.9"], async () => {
    const undo = replaced("hub.db", fs.readFileSync(file("hub.db")));
    await sql(file("hub.db"), "UPDATE store_meta SET hubd_version = '9.9'; PRAGMA user_version = 999;");
    return undo;
  }, back);
  await test("a second hubd on the same state", async () => {
    await hub.start();
    await refuses(["another hubd is using"], { args: ["--listen", "127.0.0.1:0"] });
    equal("the first goes on", (await hub.ctl("status")).name, "refus");
    await hub.stop();
    await servesWhatItHad();
  });
  await test("hubctl without a hub says how to start it", async () => {
    const ret = await hub.tryCtl("status");
    equal("exit status", ret.status, 1);
    holds(ret.err, /is hubd running\?.*hubd --state/.test(ret.err));
  });
}

/* ---- a disk that fills up ---- */

const DISK = "4m";

async function fullDisk() {
  const disk = path.join(root, "disk");
  fs.mkdirSync(disk);
  const mounted = await run("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "none", disk]);
  if (mounted.status !== 0) {
    console.log(`skipped: a full disk, because mount is not permitted here: ${mounted.err.trim()}`);
    return;
  }
  try {
    await onFullDisk(disk);
  } finally {
    await until("unmounted", async () => (await run("umount", [disk])).status === 0);
  }
}

function fill(disk) {
  const fd = fs.openSync(path.join(disk, "filler"), "w");
  try {
    for (const size of [65536, 4096, 1])
      for (;;) fs.writeSync(fd, Buffer.alloc(size, 1));
  } catch (error) {
    holds(error.message, error.code === "ENOSPC");
  }
  fs.closeSync(fd);
}

async function onFullDisk(disk) {
  const filler = path.join(disk, "filler");
  const full = await Hub.make({ hubd, hubctl }, "disk/plein");
  const show = (id) => full.ctl(lea, "notice", "show", id);
  let peer, before, sent, mark;
  await test("on a small disk the hub works", async () => {
    await full.start();
    await full.ctl("user", "add", "lea", "--role", "coordinator");
    peer = await full.befriend("Voisin");
    before = JSON.parse((await post(full, "matelas")).out).id;
  });
  await test("a full disk: a change is refused with what to do, reading goes on", async () => {
    fill(disk);
    mark = full.mark;
    let ret;
    await until("a refusal", async () => (ret = await post(full, "lits")).status !== 0);
    holds(ret.err, ret.err.includes("disk is full") || ret.err.includes("free space"));
    equal("lines", ret.err.trim().split("\n").length, 1);
    equal("reading", (await show(before)).asked, 12);
    holds("alive", full.isAlive);
  });
  await test("a full disk: what a peer sends is not acked and not lost", async () => {
    const acked = peer.acked[1];
    sent = peer.refer("accueil");
    peer.send(1, peer.seal(sent));
    const code = await peer.link.closed;
    equal("close code", code, 1013);
    equal("bye", [peer.bye.reason, peer.bye.retry_after_s > 0], [4, true]);
    equal("ack", peer.acked[1], acked);
    holds("alive", full.isAlive);
    holds("the log says why", full.lines("disk is full", mark).length > 0);
    holds(`${full.log.length - mark} lines`, full.log.length - mark < 40);
  });
  await test("a full disk: hubd does not start, and says why", async () => {
    await full.kill();
    fill(disk);
    const ret = await run(hubd, ["--state", full.dir], { timeoutMs: 20000 });
    equal("exit status", ret.status, 1);
    equal(`lines: ${ret.err}`, ret.err.trim().split("\n").length, 1);
    holds(ret.err, ret.err.includes("disk is full") && ret.err.includes("free space"));
  });
  await test("with room again everything goes on, once", async () => {
    fs.rmSync(filler);
    await full.start();
    equal("the notice from before", (await show(before)).asked, 12);
    await peer.connect();
    await peer.open();
    const receipt = await peer.deliverForReceipt(sent);
    equal("receipt", receipt.entry.state, STORED);
    const again = JSON.parse((await post(full, "lits")).out);
    equal("a new notice", (await show(again.id)).asked, 12);
    const { storageBytes } = await full.ctl("status");
    holds("status answers", Number(storageBytes) > 0);
    await peer.disconnect();
    await full.stop();
  });
  await test("a disk that fills while the hub runs: it goes on without a restart", async () => {
    await full.start();
    await peer.connect();
    await peer.open();
    fill(disk);
    const next = peer.refer("accueil");
    peer.send(1, peer.seal(next));
    equal("close code", await peer.link.closed, 1013);
    fs.rmSync(filler);
    await peer.connect();
    await peer.open();
    const receipt = await peer.deliverForReceipt(next);
    equal("receipt", receipt.entry.state, STORED);
    await peer.disconnect();
    await full.stop();
  });
}

await main(async () => {
  hub = await Hub.make({ hubd, hubctl }, "refus");
  await hub.start();
  await hub.ctl("user", "add", "lea", "--role", "coordinator");
  posted = JSON.parse((await post(hub, "matelas")).out).id;
  await hub.stop();
  await configuration();
  await keys();
  await databases();
  await fullDisk();
});
