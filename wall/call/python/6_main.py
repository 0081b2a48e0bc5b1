# From the start to the end.
@functools.lru_cache(maxsize=None)
def events():
    """The event loop of everything async in the user's file."""
    import asyncio

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


class Error(Exception):
    """What ganger.ask raises when the coordinator has no answer."""


def answered(kind, body):
    if kind == ERROR:
        raise Error(parsed(body).get("message") or "the coordinator gave no reason")
    return parsed(body) if body else None


server = None


def feedback(value):
    """Reports a value to the coordinator, before the result."""
    if server is None:
        raise Error("no task runs that could have feedback")
    server.feedback(value)


def ask(value):
    """Asks the coordinator and returns its answer; in an async function, await it."""
    if server is None:
        raise Error("no task runs that could ask")
    return server.ask(value)


def aside(there, name):
    """Calls the user's setup or teardown, if there is one."""
    f = there.get(name)
    if callable(f):
        done = f()
        if hasattr(done, "__await__"):
            events().run_until_complete(done)


def main():
    if "GANGER_FD" not in os.environ:
        sys.exit("ganger: GANGER_FD is not set: only a coordinator can start this")
    fd_in, fd_out = map(int, os.environ.pop("GANGER_FD").split(","))
    for fd in (fd_in, fd_out):
        os.set_inheritable(fd, False)

    def disown():  # a forked child must not speak for the worker
        null = os.open(os.devnull, os.O_RDWR)
        for fd in {fd_in, fd_out}:
            os.dup2(null, fd, inheritable=False)
        os.close(null)

    os.register_at_fork(after_in_child=disown)
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # it is a log

    module = sys.modules["ganger"] = types.ModuleType("ganger", "How a function speaks to its coordinator in mid-task.")
    module.Error, module.feedback, module.ask = Error, feedback, ask
    there, function = load()
    try:
        aside(there, "setup")
    except Exception as e:
        refuse(1, "setup failed\n" + told(e)[1])

    inbox, outbox = Inbox(fd_in), Outbox(fd_out)
    frame = inbox.next()
    if frame is None:
        return
    its = parsed(frame[3])
    several = is_async(function)
    global server
    server = (Several if several else Single)(function, inbox, outbox, its.get("limit") or LIMIT)
    mine = {"version": 1, "name": target, "format": "json", "slots": its.get("slots", 1) if several else 1, "limit": its.get("limit") or LIMIT}
    outbox.send(HELLO, encoded(mine))
    if its["version"] != 1:
        sys.exit("ganger: the coordinator speaks version %r of the protocol, this is version 1" % its["version"])
    try:
        server.serve()
        try:
            aside(there, "teardown")
        except Exception as e:
            sys.exit("ganger: %s: teardown failed\n%s" % (target, told(e)[1]))
    finally:
        disown()  # whatever keeps the interpreter from ending, nobody waits for an answer


target = sys.argv[1]
main()
