// Functions for the tests of package call; cases.py has the same.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export const echo = (value) => value;
export const aecho = async (value) => value;
export function nothing() {}

export function odd(what) {
  const ring = [];
  ring.push(ring);
  let pit = [];
  if (what === "deep") for (let n = 0; n < 200_000; n++) pit = [pit];
  return {
    circle: ring,
    deep: pit,
    type: 1n,
    nan: NaN,
    infinite: [1, { x: Infinity }],
    function: echo,
    symbol: Symbol("s"),
    big: "x".repeat(2_000_000),
  }[what];
}

export const surrogate = () => "a\ud800b";

export function outer(value) {
  return inner(value);
}

function inner(value) {
  throw new RangeError("no such thing as " + value, { cause: new Error("nowhere") });
}

export async function aouter(value) {
  await sleep(0);
  return inner(value);
}

export function thrown(value) {
  throw value;
}

export function prints(way) {
  if (way === "print") console.log("by print");
  else if (way === "descriptor") fs.writeSync(1, "by descriptor\n");
  else if (way === "child") execFileSync("echo", ["by child"], { stdio: "inherit" });
  else if (way === "binary") process.stdout.write(Buffer.from("by \xff\xf7\x47 binary\n", "latin1"));
  return way;
}

export function loops(value, signal, { feedback }) {
  feedback("began");
  for (;;);
}

export async function sleeps(value, signal, { feedback }) {
  feedback("began");
  await sleep(2 ** 31 - 1, null, { signal });
}

export async function asks_for_ever(value, signal, { feedback, ask }) {
  feedback("began");
  await Promise.race([ask("hang"), new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason)))]);
}

export async function tidies(value, signal, { feedback }) {
  feedback("began");
  try {
    await sleep(2 ** 31 - 1, null, { signal });
  } finally {
    console.log("tidied");
  }
}

export async function stubborn(value, signal, { feedback }) {
  feedback("began");
  for (;;) await sleep(1000).then(() => console.log("no"));
}

export async function wraps(value, signal, { feedback }) {
  feedback("began");
  await sleep(2 ** 31 - 1, null, { signal }).catch((cause) => {
    throw new Error("was interrupted", { cause });
  });
}

export async function answers_all_the_same(value, signal, { feedback }) {
  feedback("began");
  await sleep(2 ** 31 - 1, null, { signal }).catch(() => {});
  return "all the same";
}

export function reports(n, signal, { feedback }) {
  for (let i = 0; i < n; i++) feedback({ step: i });
  return n;
}

export async function areports(n, signal, { feedback }) {
  for (let i = 0; i < n; i++) {
    feedback({ step: i });
    await null;
  }
  return n;
}

export const asks = (question, signal, { ask }) => ask(question).catch((e) => "no: " + e.message);

export async function aasks(question, signal, { ask }) {
  const all = await Promise.allSettled([ask("first"), ask(question)]);
  return all[1].reason ? "no: " + all[1].reason.message : all.map((p) => p.value);
}

export function reports_late(value, signal, { feedback }) {
  setTimeout(() => {
    try {
      feedback("late");
    } catch {
      console.log("late");
    }
  }, 50);
}

export function exits(how) {
  process.exit(how === "at once" ? 3 : how);
}

export function channel() {
  const seen = execFileSync("sh", ["-c", 'echo "$GANGER_FD$GANGER_CALL"; ls -l /proc/$$/fd'], { encoding: "utf8" });
  return [fs.readlinkSync("/proc/self/fd/3"), seen];
}

export const identity = () => [process.pid, "cases", import.meta.filename ?? new URL(import.meta.url).pathname, process.argv.slice(1)];

export async function background() {
  setTimeout(() => Promise.reject(new Error("nobody caught this")), 50);
  await sleep(2 ** 31 - 1);
}
