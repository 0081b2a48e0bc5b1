
// The requests, each a call of the function.

/** AskError is what ask rejects with when the coordinator has no answer. */
class AskError extends Error {}

/** Task is a request in hand. */
class Task {
  #abort;
  #waits;
  #questions = 0;

  constructor(server, id) {
    this.server = server;
    this.id = id;
    this.cancelled = false;
  }

  /** arguments are what the function gets behind the value. */
  arguments() {
    this.#abort = new AbortController();
    return [
      this.#abort.signal,
      { feedback: (value) => this.server.say(this, FEEDBACK, value, 0), ask: (value) => this.#ask(value) },
    ];
  }

  cancel() {
    this.cancelled = true;
    if (this.#abort) this.#abort.abort();
  }

  #ask(value) {
    return new Promise((resolve, reject) => {
      this.#waits ??= new Map(); // how to end the promise, by question
      if (this.#waits.size >= QUESTIONS) throw new AskError(`${QUESTIONS} questions of this task are unanswered`);
      this.server.say(this, ASK, value, ++this.#questions);
      this.#waits.set(this.#questions, { resolve, reject });
    });
  }

  answered(kind, question, body) {
    const wait = this.#waits?.get(question);
    if (!wait) return;
    this.#waits.delete(question);
    if (kind === ANSWER) wait.resolve(body === "" ? null : JSON.parse(body));
    else wait.reject(new AskError(JSON.parse(body).message || "the coordinator gave no reason"));
  }
}

/**
 * wants reports whether f may look at more than its first argument. An
 * AbortSignal costs about as much as all else that a small task needs, so one
 * whose text shows that it has no name for it gets none. Of one that was bound, or
 * is a proxy, there is no text.
 */
function wants(f) {
  const text = Function.prototype.toString.call(f);
  const one = /^(async\s+)?(function\s*)?[\w$]*\s*(\(\s*[\w$]*\s*\)|[\w$]+)\s*(=>|\{)/;
  return !one.test(text) || text.includes("arguments") || text.includes("[native code]");
}

class Server {
  constructor(f, self, fds, ended) {
    this.f = f;
    this.self = self; // the object whose method f is, if it is one
    this.wants = wants(f);
    this.inHand = new Map(); // tasks by id
    this.out = new Outbox(fds[1]);
    this.limit = LIMIT;
    this.slots = 1;
    this.bye = false;
    this.ended = ended;
    this.take = this.hello;
    new Inbox(fds[0], (...frame) => this.take(...frame), () => {
      if (this.inHand.size > 0 && !this.bye) process.exit(0); // the coordinator is gone: nobody wants the answers
      this.leave();
    });
  }

  hello(kind, id, question, body) {
    const its = JSON.parse(body);
    this.limit = its.limit || LIMIT;
    this.slots = its.slots || 1;
    this.send(HELLO, JSON.stringify({ version: 1, name: target, format: "json", slots: this.slots, limit: this.limit }), 0);
    if (its.version !== 1) refuse(1, `the coordinator speaks version ${its.version} of the protocol, this is version 1`);
    this.take = this.frame;
  }

  send(kind, body, id) {
    this.out.send(kind, body, id, 0);
  }

  frame(kind, id, question, body) {
    const task = this.inHand.get(id);
    switch (kind) {
      case REQUEST:
        this.perform(id, body);
        break;
      case CANCEL:
        if (task) task.cancel();
        break;
      case ANSWER:
      case ERROR:
        if (task) task.answered(kind, question, body);
        break;
      case BYE:
        this.leave();
    }
  }

  /** leave takes no more requests. */
  leave() {
    if (!this.bye && this.inHand.size === 0) this.ended();
    this.bye = true;
  }

  perform(id, body) {
    let value;
    try {
      value = JSON.parse(body).value;
    } catch (e) {
      this.send(ERROR, JSON.stringify({ message: "the task cannot be read in Node: " + e.message }), id);
      return;
    }
    const task = new Task(this, id);
    this.inHand.set(id, task);
    let result;
    try {
      result = this.wants ? this.f.call(this.self, value, ...task.arguments()) : this.f.call(this.self, value);
      if (result && typeof result.then === "function") {
        result.then((r) => this.done(task, r), (e) => this.failed(task, e));
        return;
      }
    } catch (e) {
      this.failed(task, e);
      return;
    }
    this.done(task, result);
  }

  done(task, result) {
    let body;
    let failure;
    try {
      body = `{"value":${encoded(result)}}`;
      const length = Buffer.byteLength(body);
      if (length > this.limit) failure = `the result has ${length} bytes, and the coordinator takes ${this.limit}`;
    } catch (e) {
      failure = "the result cannot be written as JSON: " + e.message;
    }
    if (failure) this.end(task, ERROR, JSON.stringify({ message: failure.slice(0, WORDS), cause: "encode" }));
    else this.end(task, RESPONSE, body);
  }

  failed(task, problem) {
    if (task.cancelled) {
      this.end(task, CANCELLED, "");
      return;
    }
    const { message, trace } = told(problem);
    this.end(task, ERROR, JSON.stringify({ message: message.slice(0, WORDS), trace: trace.slice(0, WORDS) || undefined }));
  }

  end(task, kind, body) {
    this.inHand.delete(task.id); // the id may come again as soon as the end is sent
    this.send(kind, body, task.id);
    if (this.bye && this.inHand.size === 0) this.ended();
  }

  say(task, kind, value, question) {
    if (this.inHand.get(task.id) !== task) throw new AskError("the task has ended");
    const body = encoded(value);
    const length = Buffer.byteLength(body);
    if (length > this.limit) throw new RangeError(`this has ${length} bytes, and the coordinator takes ${this.limit}`);
    this.out.send(kind, body, task.id, question);
  }
}
