// A function that ganger calls: it says what it sees in a picture. This one only
// looks at the head of a PNG or GIF file; yours drives a browser.

import fs from "node:fs/promises";

let model;

// Called once for each worker, before its first task.
export async function setup() {
  model = {
    "89504e470d0a1a0a": (head) => [head.readUInt32BE(16), head.readUInt32BE(20)],
    474946383761: (head) => [head.readUInt16LE(6), head.readUInt16LE(8)],
    474946383961: (head) => [head.readUInt16LE(6), head.readUInt16LE(8)],
  };
}

// Called once for each task.
export async function caption(path, signal, { feedback }) {
  console.log("looking at", path); // goes to the log, and harms nobody
  const head = (await fs.readFile(path, { signal })).subarray(0, 24);
  feedback("read");
  for (const [magic, size] of Object.entries(model)) {
    if (head.toString("hex").startsWith(magic)) {
      const [width, height] = size(head);
      return { path, text: `a picture, ${width} by ${height}` };
    }
  }
  throw new Error(`${path} is no picture that I know`);
}
