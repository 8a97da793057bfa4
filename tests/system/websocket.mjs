/*
 * WebSockets (RFC 6455) over node:tls and node:net, small enough to misuse: they can send text,
 * over-long and half frames, and they can stop reading. The client end, and a small server.
 */
import crypto from "node:crypto";
import net from "node:net";
import tls from "node:tls";

export const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export function frameBytes(opcode, payload,
  { final = true, declared = payload.length, masked = true } = {}) {
  const head = Buffer.alloc(declared < 126 ? 6 : declared < 65536 ? 8 : 14);
  head[0] = (final ? 0x80 : 0) | opcode;
  if (declared < 126) {
    head[1] = 0x80 | declared;
  } else if (declared < 65536) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(declared, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(declared), 2);
  }
  if (!masked) { /* what servers send */
    head[1] &= 0x7f;
    return Buffer.concat([head.subarray(0, head.length - 4), payload]);
  }
  const mask = crypto.randomBytes(4);
  mask.copy(head, head.length - 4);
  const body = Buffer.from(payload);
  for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
  return Buffer.concat([head, body]);
}

/** Opens TCP and, unless `plain`, TLS 1.3 to 127.0.0.1:port. The certificate proves nothing here. */
export function connect({ port, plain = false, localAddress, timeoutMs = 10000 }) {
  return new Promise((resolve, reject) => {
    const tcp = net.connect({ host: "127.0.0.1", port, localAddress, noDelay: true });
    const socket = plain ? tcp : tls.connect({
      socket: tcp, rejectUnauthorized: false, minVersion: "TLSv1.3", ALPNProtocols: ["http/1.1"],
    });
    const timer = setTimeout(() => fail(new Error("connection timed out")), timeoutMs);
    function fail(error) {
      clearTimeout(timer);
      socket.destroy();
      tcp.destroy();
      reject(error);
    }
    for (const s of new Set([tcp, socket])) s.once("error", fail);
    socket.once(plain ? "connect" : "secureConnect", () => {
      clearTimeout(timer);
      for (const s of new Set([tcp, socket])) {
        s.off("error", fail);
        s.on("error", () => {}); /* what follows an error is "close" */
      }
      resolve(socket);
    });
  });
}

const acceptKey = (key) => crypto.createHash("sha1").update(key + GUID).digest("base64");
const headerOf = (text, name) => new RegExp(`^${name}: *(.*?)\\s*$`, "im").exec(text)?.[1] ?? "";

/** A server that hands every WebSocket to `onOpen`. `tlsFiles` is {cert, key}. */
export function serve({ port, selected = "hfp.1.cb", ...tlsFiles }, onOpen) {
  const server = tls.createServer({ ...tlsFiles, minVersion: "TLSv1.3" }, async (socket) => {
    socket.on("error", () => {}); /* what follows an error is "close" */
    const ws = new WebSocket(socket, "", { masked: false });
    try {
      const request = await ws.headers(10000);
      ws.offer = headerOf(request, "Sec-WebSocket-Protocol");
      ws.selected = selected;
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
        `Connection: Upgrade\r\nSec-WebSocket-Protocol: ${selected}\r\n` +
        `Sec-WebSocket-Accept: ${acceptKey(headerOf(request, "Sec-WebSocket-Key"))}\r\n\r\n`);
      onOpen(ws);
    } catch {
      socket.destroy();
    }
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

export class WebSocket {
  /** The exact offer is part of what both hubs sign. */
  static async open(options) {
    const { offer = "hfp.1.cb, hfp.1", path = "/hfp", headers = "", timeoutMs = 10000 } = options;
    const socket = await connect(options);
    const key = crypto.randomBytes(16).toString("base64");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${options.port}\r\n` +
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: ${offer}\r\n${headers}\r\n`);
    const ws = new WebSocket(socket, offer);
    const answer = await ws.headers(timeoutMs);
    const accepted = headerOf(answer, "Sec-WebSocket-Accept") === acceptKey(key);
    if (!answer.startsWith("HTTP/1.1 101") || !accepted) {
      socket.destroy();
      throw new Error(`no WebSocket: ${answer.split("\r\n")[0] || "closed"}`);
    }
    ws.selected = headerOf(answer, "Sec-WebSocket-Protocol");
    return ws;
  }

  constructor(socket, offer, { masked = true } = {}) {
    this.socket = socket;
    this.masked = masked;
    this.offer = offer;
    this.messages = [];   /* binary messages not yet taken */
    this.closeCode = 0;   /* what the other side said; 1006: nothing, it just ended */
    this.onMessage = null;
    this.buffer = Buffer.alloc(0);
    this.parts = [];
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.closeCode ||= 1006;
        this.isClosed = true;
        resolve(this.closeCode);
      });
    });
  }

  headers(timeoutMs) {
    return new Promise((resolve, reject) => {
      const { socket } = this;
      const timer = setTimeout(() => socket.destroy(new Error("no answer")), timeoutMs);
      const onData = (data) => {
        this.buffer = Buffer.concat([this.buffer, data]);
        const end = this.buffer.indexOf("\r\n\r\n");
        if (end < 0) return;
        const text = this.buffer.toString("latin1", 0, end);
        this.buffer = this.buffer.subarray(end + 4);
        clearTimeout(timer);
        socket.off("data", onData);
        socket.on("data", (more) => this.#read(more));
        resolve(text);
        if (this.buffer.length) setImmediate(() => this.#read(Buffer.alloc(0)));
      };
      socket.on("data", onData);
      this.closed.then(() => {
        clearTimeout(timer);
        reject(new Error("closed before the WebSocket was open"));
      });
    });
  }

  /** RFC 9266; empty when the selected token does without. */
  get binding() {
    return this.selected === "hfp.1.cb"
      ? this.socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding") : Buffer.alloc(0);
  }

  #read(data) {
    this.buffer = this.buffer.length ? Buffer.concat([this.buffer, data]) : data;
    for (;;) {
      const b = this.buffer;
      if (b.length < 2) return;
      let length = b[1] & 0x7f, at = 2;
      if (length === 126) {
        if (b.length < 4) return;
        length = b.readUInt16BE(2);
        at = 4;
      } else if (length === 127) {
        if (b.length < 10) return;
        length = Number(b.readBigUInt64BE(2));
        at = 10;
      }
      const isMasked = (b[1] & 0x80) !== 0, start = at + (isMasked ? 4 : 0);
      if (b.length < start + length) return;
      this.buffer = b.subarray(start + length);
      const payload = Buffer.from(b.subarray(start, start + length));
      if (isMasked) payload.forEach((byte, i) => (payload[i] = byte ^ b[at + (i & 3)]));
      this.#frame(b[0], payload);
    }
  }

  #frame(first, payload) {
    const opcode = first & 0x0f;
    if (opcode === PING) return this.#say(PONG, payload);
    if (opcode === PONG) return undefined;
    if (opcode === CLOSE) {
      this.closeCode ||= payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.#say(CLOSE, payload.subarray(0, 2));
      return this.socket.end();
    }
    this.parts.push(payload);
    if (first & 0x80) {
      const message = Buffer.concat(this.parts);
      this.parts = [];
      if (this.onMessage) this.onMessage(message);
      else this.messages.push(message);
    }
    return undefined;
  }

  raw(bytes) {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(bytes);
  }
  #say(opcode, payload) {
    this.raw(frameBytes(opcode, payload, { masked: this.masked }));
  }
  send(payload) {
    this.#say(BINARY, payload);
  }
  close(code = 1000) {
    this.#say(CLOSE, Buffer.from([code >> 8, code & 0xff]));
    this.socket.end();
    /* A hub that is busy or gone must not keep the test alive. */
    setTimeout(() => this.socket.destroy(), 2000).unref();
    return this.closed;
  }
  destroy() {
    this.socket.destroy();
  }
}
