import { execFileSync, spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

await sleep(1500);                               // a browser: three times the time-out of a task
spawn("sh", ["-c", "while :; do sleep 1000; done", process.env.MARK], { detached: true, stdio: "ignore" }).unref();
const leak = [];

export async function caption(path, signal) {
  console.log("noise on stdout");
  writeSync(1, "more of it\n");
  execFileSync("sh", ["-c", "echo and of another program"], { stdio: "inherit" });
  if (path === "photos/evil.jpg") {
    leak.push(Buffer.alloc(100 << 20, "x"));
    process.kill(process.pid, "SIGKILL");
    await sleep(1000);
  }
  if (path === "photos/slow.jpg") await sleep(1e6, undefined, { signal });
  leak.push(Buffer.alloc(4 << 20, "x"));
  await sleep(20);
  return { path, text: path.toUpperCase(), seat: process.env.CUDA_VISIBLE_DEVICES };
}
