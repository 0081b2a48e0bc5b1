// Prints when its parts are called, for the tests of package call.
console.log("loading");

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

exports.setup = async () => {
  if (process.env.CALL_AT === "fail") throw new Error("no model here");
  if (process.env.CALL_AT === "exit") process.exit(1);
  await sleep(200);
  console.log("setup");
};

exports.work = async (value) => {
  console.log("work", value);
  if (value === "long") await sleep(300);
  return value;
};

exports.teardown = () => {
  if (process.env.CALL_AT === "no end") throw new Error("cannot be torn down");
  console.log("teardown");
};
