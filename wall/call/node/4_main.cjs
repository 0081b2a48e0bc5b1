
// From the start to the end.

const target = process.argv[1];

async function main() {
  delete process.env.GANGER_CALL;
  // What the user's file starts with these arguments is not to be a worker.
  process.execArgv.splice(process.execArgv.lastIndexOf("-e"), 2);
  process.on("uncaughtExceptionMonitor", (e) => {
    if (typeof e?.stack === "string") Reflect.set(e, "stack", without(e.stack));
  });
  if (parseInt(process.versions.node, 10) < 18) refuse(UNUSABLE, `this is Node ${process.versions.node}, and 18 or newer is needed`);
  if (!process.env.GANGER_FD) refuse(2, "GANGER_FD is not set: only a coordinator can start this");
  const fds = process.env.GANGER_FD.split(",").map(Number);
  delete process.env.GANGER_FD;
  const its = await load();
  try {
    await aside(its, "setup");
  } catch (e) {
    refuse(1, "setup failed\n" + told(e).trace);
  }
  new Server(its.f, its.self, fds, async () => {
    try {
      await aside(its, "teardown");
    } catch (e) {
      refuse(1, "teardown failed\n" + told(e).trace);
    }
    process.exit();
  });
}

main();
//# sourceURL=ganger-shim
