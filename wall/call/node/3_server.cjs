
// The requests, each a call of the function.

/** CannotAsk is what ask rejects with when the coordinator has no answer. */
class AskError extends Error {}

/** Task is a request in hand, and what the function gets as third argument. */
class Task {
  #server;
  #questions = 0;

  constructor(server, id) {
    this.#server = server;
    this.id = id;
    this.abort = new AbortController();
    this.waits = new Map(); // for answers: how to end the promise, by question
  }

  feedback = (value) => {
    this.#server.say(this, FEEDBACK, value, 0);
  };

  ask = (value) =>
    new Promise((resolve, reject) => {
      if (this.waits.size >= QUESTIONS) throw new AskError(`${QUESTIONS} questions of this task are unanswered`);
      this.#server.say(this, ASK, value, ++this.#questions);
      this.waits.set(this.#questions, { resolve, reject });
    });
}

class Server {
  constructor(f, fds, ended) {
    this.f = f;
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
        if (task) task.abort.abort();
        break;
      case ANSWER:
      case ERROR: {
        const wait = task && task.waits.get(question);
        if (!wait) break; // the task has ended
        task.waits.delete(question);
        if (kind === ANSWER) wait.resolve(body === "" ? null : JSON.parse(body));
        else wait.reject(new AskError(JSON.parse(body).message || "the coordinator gave no reason"));
        break;
      }
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
      result = this.f(value, task.abort.signal, task);
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
    if (task.abort.signal.aborted) {
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
