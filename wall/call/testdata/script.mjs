// Performs the scripts of package walltest.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const OUT = process.env.CALL_PAIR ? 3 : 4;

function milliseconds(text) {
  const [, n, unit] = /^(\d+)(ms|s|h)$/.exec(text);
  return n * { ms: 1, s: 1000, h: 3600_000 }[unit];
}

export async function perform(script, signal, host) {
  let value;
  for (const step of script.split(";")) {
    const [, verb, arg] = /^ *(\S+) ?([^]*)$/.exec(step);
    value = undefined;
    if (verb === "echo") value = arg;
    else if (verb === "fail") throw new Error(arg);
    else if (verb === "sleep") await sleep(Math.min(milliseconds(arg), 2 ** 31 - 1), null, { signal });
    else if (verb === "deaf") await sleep(milliseconds(arg));
    else if (verb === "tell") host.feedback(arg);
    else if (verb === "feedback") for (let n = 0; n < arg; n++) host.feedback(n);
    else if (verb === "gather") value = await gather(+arg);
    else if (verb === "kill") process.kill(process.pid, "SIGKILL");
    else if (verb === "exit") process.exit(+arg);
    else if (verb === "raw") fs.writeSync(OUT, raw(arg));
    else if (verb === "late") setTimeout(() => fs.writeSync(OUT, raw(arg)), 20);
    else if (verb === "close") fs.closeSync(OUT);
    else if (verb === "print") console.log(arg);
    else throw new Error("no step is called " + verb);
  }
  return value;
}

// Go's quotes are JavaScript's here.
const raw = (quoted) => Buffer.from((0, eval)(quoted), "latin1");

let here = [];

function gather(n) {
  return new Promise((resolve) => {
    here.push(resolve);
    if (here.length < n) return;
    for (const f of here) f("together");
    here = [];
  });
}

export async function setup() {
  if (process.env.CALL_AT) await perform(process.env.CALL_AT, undefined, { feedback() {} });
}
