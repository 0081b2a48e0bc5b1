"use strict";
// What stands around a function of the user's file: it loads the file, speaks
// the native worker protocol (docs/worker-protocol.md) on descriptors of its own,
// and calls the function for each request. Node 18 and what comes with it are all
// that it may use.

const fs = require("fs");
const net = require("net");
const path = require("path");
const util = require("util");
const { pathToFileURL } = require("url");

const [HELLO, REQUEST, RESPONSE, ERROR, FEEDBACK, ASK, ANSWER, CANCEL, CANCELLED, BYE] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const MAGIC = 0x47f7;
const SIZE = 16; // of a header: magic, kind, flags, length, id, question
const LIMIT = 64 << 20; // of bodies, unless the hello names another
const CHUNK = 64 << 10;
const WORDS = 32 << 10; // characters kept of a message or a trace
const QUESTIONS = 64; // unanswered ones of a request
const UNUSABLE = 78; // the exit status when another start would fail as well

/** Inbox hands on each whole frame that comes on a descriptor, and their end. */
class Inbox {
  constructor(fd, take, ended) {
    this.take = take;
    this.parts = []; // what came of a frame that is not whole
    this.have = 0; // bytes in parts
    this.need = SIZE; // bytes that the frame has at least
    // One buffer for all reads: what stays in parts is copied.
    const onread = { buffer: Buffer.allocUnsafeSlow(CHUNK), callback: (n, buffer) => this.add(buffer.subarray(0, n)) };
    this.socket = new net.Socket({ fd, readable: true, writable: false, onread });
    this.socket.resume();
    this.socket.on("error", ended);
    this.socket.on("end", ended);
  }

  add(chunk) {
    this.have += chunk.length;
    if (this.parts.length > 0 || this.have < this.need) {
      this.parts.push(Buffer.from(chunk));
      if (this.have < this.need) return;
      chunk = Buffer.concat(this.parts);
      this.parts = [];
    }
    let at = 0;
    for (; ; at += this.need) {
      this.need = SIZE;
      if (chunk.length - at < SIZE) break;
      if (chunk.readUInt16LE(at) !== MAGIC || chunk[at + 3] !== 0) {
        refuse(1, "this is no frame: " + chunk.toString("hex", at, at + SIZE));
      }
      this.need = SIZE + chunk.readUInt32LE(at + 4);
      if (chunk.length - at < this.need) break;
      const body = chunk.toString("utf8", at + SIZE, at + this.need);
      this.take(chunk[at + 2], chunk.readUInt32LE(at + 8), chunk.readUInt32LE(at + 12), body);
    }
    this.have = chunk.length - at;
    if (this.have > 0) this.parts.push(Buffer.from(chunk.subarray(at)));
  }
}

/** Outbox writes frames to a descriptor. */
class Outbox {
  constructor(fd) {
    this.fd = fd;
    this.nap = new Int32Array(new SharedArrayBuffer(4));
  }

  // It blocks while the coordinator does not read: that is how a function that
  // reports too much is slowed down.
  send(kind, body, request, question) {
    const length = Buffer.byteLength(body);
    const data = Buffer.allocUnsafe(SIZE + length);
    data.writeUInt16LE(MAGIC, 0);
    data.writeUInt16LE(kind, 2);
    data.writeUInt32LE(length, 4);
    data.writeUInt32LE(request, 8);
    data.writeUInt32LE(question, 12);
    data.write(body, SIZE, "utf8");
    for (let n = 0; n < data.length; ) {
      try {
        n += fs.writeSync(this.fd, data, n);
      } catch (e) {
        if (e.code !== "EAGAIN") throw e;
        Atomics.wait(this.nap, 0, 0, 1); // a socket that is read does not block by itself
      }
    }
  }
}
