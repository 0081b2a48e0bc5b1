# The user's file, and what is told of it.
compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
escaped = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def encoded(value):
    """A value as JSON. It raises what tells why it cannot be."""
    text = compact(value)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair can only stand as an escape
        return escaped(value).encode()


def parsed(body):
    return json.loads(str(body, "utf-8"))


def told(problem):
    """The exception and its causes, without the frames that are ours."""
    import traceback

    seen, todo = set(), [traceback.TracebackException.from_exception(problem)]
    top = todo[0]
    while todo:
        t = todo.pop()
        if t is None or id(t) in seen:
            continue
        seen.add(id(t))
        t.stack[:] = [f for f in t.stack if f.filename != "<ganger>"]
        todo += [t.__cause__, t.__context__, *(getattr(t, "exceptions", None) or ())]
    return "".join(top.format_exception_only()).strip(), "".join(top.format()).strip()


def refuse(status, problem):
    """Ends a start that cannot succeed."""
    print("ganger: %s: %s" % (target, problem), file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(status)  # at once: the file may have begun threads that never end


def quit(code):
    """Ends a worker whose function wants to exit, at once: see refuse."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((code or 0) & 0xFF)


def is_async(function):
    while isinstance(function, functools.partial):
        function = function.func
    for f in (function, getattr(type(function), "__call__", None)):
        code = getattr(f, "__code__", None)
        if code is not None:
            return bool(code.co_flags & 0x80)  # CO_COROUTINE
    return False


def load():
    """The user's module and function."""
    path, _, name = target.rpartition(":")
    stem = os.path.splitext(os.path.basename(path))[0]
    sys.argv = [path]
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))  # as for a script
    try:
        spec = importlib.util.spec_from_file_location(stem, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(stem, module)  # so that what it defines can be pickled
        # As of a script, no compiled copy is left beside the file.
        exec(compile(spec.loader.get_data(path), path, "exec", dont_inherit=True), vars(module))
    except SystemExit as e:
        quit(e.code)
    except SyntaxError as e:
        refuse(UNUSABLE, "the file cannot be loaded\n" + told(e)[1])
    except Exception as e:
        refuse(1, "the file cannot be loaded\n" + told(e)[1])
    there = vars(module)
    if name not in there:
        names = [n for n, v in there.items() if isinstance(v, types.FunctionType) and v.__module__ == stem]
        refuse(UNUSABLE, "there is no function %r in %s; it has %s" % (name, path, ", ".join(names) or "none"))
    if not callable(there[name]):
        refuse(UNUSABLE, "%s in %s is no function, it is %s" % (name, path, type(there[name]).__name__))
    return there, there[name]
