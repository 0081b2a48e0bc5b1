// A warm worker that speaks the native protocol, nothing else needed: it tells
// the SHA-256 sum of the files it is given, and how far it has come.
//
//     find . -type f | ganger run --proto native -- node examples/native-node/worker.mjs

import { createHash } from "node:crypto";
import fs from "node:fs";

const [HELLO, REQUEST, RESPONSE, ERROR, FEEDBACK, BYE] = [1, 2, 3, 4, 5, 10];

if (!process.env.GANGER_FD) {
  console.error("start me with: ganger run --proto native -- node " + process.argv[1]);
  process.exit(2);
}
const [fdIn, fdOut] = process.env.GANGER_FD.split(",").map(Number);
delete process.env.GANGER_FD; // Node itself keeps the descriptors from its children

function send(kind, value, request = 0) {
  const body = Buffer.from(JSON.stringify(value));
  const head = Buffer.alloc(16);
  head.writeUInt16LE(0x47f7, 0), head.writeUInt16LE(kind, 2);
  head.writeUInt32LE(body.length, 4), head.writeUInt32LE(request, 8);
  let data = Buffer.concat([head, body]);
  while (data.length > 0) data = data.subarray(fs.writeSync(fdOut, data));
}

function read(length) {
  const data = Buffer.alloc(length);
  for (let have = 0, n; have < length; have += n) {
    n = fs.readSync(fdIn, data, have, length - have);
    if (n === 0) process.exit(0); // the coordinator is gone
  }
  return data;
}

function receive() {
  const head = read(16);
  if (head.readUInt32LE(0) >>> 24 !== 0 || head.readUInt16LE(0) !== 0x47f7) throw new Error("this is no frame: " + head.toString("hex"));
  return { kind: head[2], request: head.readUInt32LE(8), body: read(head.readUInt32LE(4)).toString() };
}

function perform(path, report) {
  const [sum, size, file, piece] = [createHash("sha256"), fs.statSync(path).size, fs.openSync(path), Buffer.alloc(1 << 24)];
  for (let done = 0, n; (n = fs.readSync(file, piece)) > 0; report((done += n) / Math.max(size, done))) sum.update(piece.subarray(0, n));
  fs.closeSync(file);
  return { path, sha256: sum.digest("hex") };
}

const hello = JSON.parse(receive().body);
send(HELLO, { version: 1, name: "sums", format: "json" });
if (hello.version !== 1) throw new Error("the coordinator speaks version " + hello.version);
for (let frame; (frame = receive()).kind !== BYE; ) {
  if (frame.kind !== REQUEST) continue; // such as a cancel that came too late
  try {
    send(RESPONSE, { value: perform(JSON.parse(frame.body).value, (v) => send(FEEDBACK, v, frame.request)) }, frame.request);
  } catch (e) {
    send(ERROR, { message: e.message, trace: e.stack }, frame.request);
  }
}
