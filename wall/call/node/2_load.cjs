
// The user's file, and what is told of it.

/** encoded is a value as JSON; it throws what tells why it cannot be. */
function encoded(value) {
  if (value === undefined) return "null";
  // What it would yield is lost: JSON.stringify makes {} of it.
  if (typeof value?.next === "function" && (Symbol.iterator in value || Symbol.asyncIterator in value)) {
    throw new TypeError("it is a generator, and nobody takes what it yields");
  }
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError("it is a " + typeof value);
  // JSON.stringify makes null of numbers that JSON does not have. To look at
  // each value is slow, so it is done only where there is a null.
  return text.includes("null") ? JSON.stringify(value, finite) : text;
}

function finite(_, value) {
  const number = value instanceof Number ? value.valueOf() : value;
  if (typeof number === "number" && !Number.isFinite(number)) throw new TypeError("JSON has no " + number);
  return value;
}

/** told is an error and its causes, without the frames that are ours and Node's. */
function told(problem) {
  const trace = without(util.inspect(problem));
  const plain = !(problem instanceof Error) && !(problem && problem.stack);
  return { message: plain ? "thrown: " + trace : `${problem.name}: ${problem.message}`, trace: plain ? "" : trace };
}

function without(trace) {
  return trace.split("\n").filter((line) => !/^\s+at .*(\bganger-shim:|\bnode:internal)/.test(line)).join("\n");
}

/** refuse ends a start that cannot succeed. */
function refuse(status, problem) {
  process.stderr.write(`ganger: ${target}: ${problem}\n`);
  process.exit(status);
}

/** load returns what finds the user's functions in the file, and the function. */
async function load() {
  const colon = target.lastIndexOf(":");
  const [file, name] = [target.slice(0, colon), target.slice(colon + 1)];
  process.argv = [process.argv[0], file];
  let its;
  try {
    its = await import(pathToFileURL(file).href);
  } catch (e) {
    if (!(e instanceof SyntaxError)) refuse(1, "the file cannot be loaded\n" + told(e).trace);
    process.stderr.write(`ganger: ${target}: the file cannot be loaded\n`);
    // Only Node itself can print where the syntax is broken.
    process.on("exit", () => { process.exitCode = UNUSABLE; });
    setImmediate(() => { throw e; });
    return new Promise(() => {});
  }
  // What CommonJS exports is the default export of the module, at least.
  const whole = its.default !== null && /^(object|function)$/.test(typeof its.default) ? its.default : {};
  // A compiler that makes CommonJS of a module calls the default export "default".
  const there = (n) => (n === "default" && typeof whole.default === "function" ? whole.default : its[n] ?? whole[n]);
  const f = there(name);
  if (f === undefined) {
    const names = [...new Set([...Object.keys(its), ...Object.keys(whole)])].filter((n) => typeof there(n) === "function");
    refuse(UNUSABLE, `there is no function ${util.inspect(name)} in ${file}; it exports ${names.join(", ") || "none"}`);
  }
  if (typeof f !== "function") refuse(UNUSABLE, `${name} in ${file} is no function, it is ${f === null ? "null" : typeof f}`);
  return { there, f, self: whole[name] === f ? whole : undefined };
}

/** aside calls the user's setup or teardown, if there is one, as the function is called. */
async function aside({ there, self }, name) {
  const f = there(name);
  if (typeof f === "function") await f.call(self);
}
