
// From the start to the end.

const target = process.argv[1];

async function main() {
  delete process.env.GANGER_CALL;
  if (parseInt(process.versions.node, 10) < 18) refuse(UNUSABLE, `this is Node ${process.versions.node}, and 18 or newer is needed`);
  if (!process.env.GANGER_FD) refuse(2, "GANGER_FD is not set: only a coordinator can start this");
  const fds = process.env.GANGER_FD.split(",").map(Number);
  delete process.env.GANGER_FD;
  const { there, f } = await load();
  try {
    await aside(there, "setup");
  } catch (e) {
    refuse(1, "setup failed\n" + told(e).trace);
  }
  new Server(f, fds, async () => {
    try {
      await aside(there, "teardown");
    } catch (e) {
      refuse(1, "teardown failed\n" + told(e).trace);
    }
    process.exit();
  });
}

main();
//# sourceURL=ganger-shim
